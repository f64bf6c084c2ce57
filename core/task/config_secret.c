/*
 * config_secret: secrets that stand in files of their own, and the settings of the admin port, which has one.
 * A message never shows anything of a secret.
 */
#include "task/config_resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "task/listen.h"

#define SECRET_MAX 16384 /* bytes of such a file */
#define TOKEN_MIN  8     /* characters: fewer can be guessed */

static void fd_cleanup(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

int conf_read_secret(const struct config *c, int line, const char *label, const char *path,
                     char **ret, struct err *e)
{
    CLEANUP(fd_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[SECRET_MAX + 1] = "";
    struct stat st = {0};
    ssize_t n = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        return conf_place_err(c, line, e, "%s %s: %s", label, path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > SECRET_MAX)
        return conf_place_err(c, line, e, "%s %s is no file of at most %d bytes", label, path,
                              SECRET_MAX);
    n = read(fd, text, SECRET_MAX);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    text[n > 0 ? n : 0] = '\0';
    if (n <= 0)
        return conf_place_err(c, line, e, "%s %s is empty", label, path);
    *ret = mem_strdup(text);
    explicit_bzero(text, sizeof text);
    return 0;
}

static int check_token(const struct config *c, const char *token, struct err *e)
{
    const char *p = NULL;

    if (*token && strlen(token) < TOKEN_MIN)
        return conf_place_err(c, 0, e,
                              "observability.admin_token has fewer than %d characters; make one "
                              "with `openssl rand -hex 16`",
                              TOKEN_MIN);
    for (p = token; *p; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
            return conf_place_err(c, 0, e,
                                  "observability.admin_token holds white space or a byte that is "
                                  "not ASCII, which no header can carry");
    }
    return 0;
}

int conf_resolve_admin(struct config *c, struct err *e)
{
    const char *file = c->observability.admin_token_file;
    struct listen_at at;
    struct err why = {0};

    if (*c->observability.listen && listen_parse(c->observability.listen, &at, &why) < 0)
        return conf_place_err(c, 0, e, "observability.listen: %s", why.msg);
    if (*file && *c->observability.admin_token)
        return conf_place_err(c, 0, e,
                              "observability: admin_token and admin_token_file are both set; keep "
                              "one");
    if (*file) {
        free(STEAL(c->observability.admin_token));
        if (conf_read_secret(c, 0, "observability.admin_token_file", file,
                             &c->observability.admin_token, e) < 0)
            return -1;
    }
    if (c->observability.admin_token_reads && !*c->observability.admin_token)
        return conf_place_err(c, 0, e,
                              "observability.admin_token_reads: there is no token; set admin_token "
                              "or admin_token_file");
    return check_token(c, c->observability.admin_token, e);
}
