/* whole_file: the manifest of a run and the place of a reader; see whole_file.h. Knows nothing of either. */
#include "cmd/jobs/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

int whole_file_read(const char *path, struct json_object **ret, struct err *e)
{
    char *text CLEANUP_FREE = NULL;
    struct err why = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;

    if (fd < 0 && errno == ENOENT)
        return WHOLE_FILE_NONE;
    if (fd < 0)
        return err_set(e, EX_NOINPUT, "cannot read %s: %s", path, strerror(errno));
    text = mem_alloc(WHOLE_FILE_MAX);
    n = read(fd, text, WHOLE_FILE_MAX);
    close(fd);
    if (n < 0)
        return err_set(e, EX_NOINPUT, "cannot read %s: %s", path, strerror(errno));
    if (json_parse(text, (size_t)n, ret, &why) < 0)
        return err_set(e, EX_DATAERR, "%s is damaged (%.200s)", path, why.msg);
    if (json_object_is_type(*ret, json_type_object))
        return WHOLE_FILE_READ;
    json_object_put(*ret);
    *ret = NULL;
    return err_set(e, EX_DATAERR, "%s is damaged (it holds no JSON object)", path);
}

/* No regular file, or one that does not begin as ours do. */
static bool begins_otherwise(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char first = '{';
    bool otherwise =
        fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > WHOLE_FILE_MAX ||
                    (read(fd, &first, 1) == 1 && first != '{' && first != '\0'));

    if (fd >= 0)
        close(fd);
    return otherwise;
}

bool whole_file_is_foreign(const char *path, const char *member)
{
    CLEANUP_JSON struct json_object *o = NULL;

    if (begins_otherwise(path))
        return true;
    return whole_file_read(path, &o, NULL) == WHOLE_FILE_READ && !json_get_str(o, member);
}

int whole_file_replace(const char *path, const struct buf *text, bool sync, struct err *e)
{
    char temp[4200];
    bool good = (size_t)snprintf(temp, sizeof temp, "%s.tmp", path) < sizeof temp;
    int fd = good ? open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;

    good = fd >= 0 && write(fd, text->data, text->len) == (ssize_t)text->len &&
           (!sync || fsync(fd) == 0);
    if (fd >= 0 && close(fd) < 0)
        good = false;
    if (good && rename(temp, path) == 0)
        return 0;
    err_set(e, EX_CANTCREAT, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        unlink(temp);
    return -1;
}
