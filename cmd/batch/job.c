/* job: reads and writes OUT.job and holds the slot; see job.h. */
#include "cmd/batch/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

#define JOB_FILE_MAX 8192

size_t job_journal_key(const struct job *j, uint32_t row, uint8_t *out, size_t cap)
{
    size_t n = strlen(j->id);
    size_t retry = strlen(j->retry);
    int i = 0;

    if (cap < n + 9 + retry)
        return 0;
    out[0] = 'f';
    memcpy(out + 1, j->id, n);
    for (i = 0; i < 8; i++)
        out[1 + n + (size_t)i] = (uint8_t)((uint64_t)row >> (56 - 8 * i));
    memcpy(out + n + 9, j->retry, retry);
    return n + 9 + retry;
}

/* Reads OUT.job. 0; 1 when there is none. */
static int load(struct job *j, const char *path, int *ret_slot, struct err *e)
{
    char text[JOB_FILE_MAX];
    struct json_object *o CLEANUP_JSON = NULL;
    const char *id = NULL;
    const char *store = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;

    if (fd < 0 && errno == ENOENT)
        return 1;
    if (fd < 0)
        return err_set(e, EX_NOINPUT, "cannot read %s: %s", path, strerror(errno));
    n = read(fd, text, sizeof text);
    close(fd);
    if (n <= 0 || json_parse(text, (size_t)n, &o, e) < 0)
        return err_set(e, EX_DATAERR,
                       "%s is damaged; delete it to start the job anew (what was in flight "
                       "may then be paid for again)",
                       path);
    id = json_get_str(o, "job");
    store = json_get_str(o, "store");
    *ret_slot = (int)json_get_int(o, "slot", -1);
    if (!id || strlen(id) != 32 || !store || *ret_slot < 0 || strlen(store) >= sizeof j->store)
        return err_set(e, EX_DATAERR,
                       "%s lacks job, store or slot; delete it to start the job anew", path);
    if (json_get_str(o, "digest"))
        snprintf(j->digest, sizeof j->digest, "%s", json_get_str(o, "digest"));
    j->rows = (uint32_t)json_get_int(o, "rows", 0);
    memcpy(j->id, id, 33);
    snprintf(j->store, sizeof j->store, "%s", store);
    return 0;
}

/* Writes OUT.job so that it is there whole or not at all. */
static int save(const struct job *j, const char *path, struct err *e)
{
    struct buf text = BUF_INIT(JOB_FILE_MAX);
    char temp[4200];
    int fd = -1;
    bool good = false;

    buf_printf(&text, "{\"job\":\"%s\",\"slot\":%d,\"store\":", j->id, j->slot.number);
    buf_json_str(&text, j->store, strlen(j->store));
    buf_printf(&text, ",\"digest\":\"%s\",\"rows\":%u}\n", j->digest, j->rows);
    snprintf(temp, sizeof temp, "%s.tmp", path);
    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    good = fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len && fsync(fd) == 0;
    if (fd >= 0 && close(fd) < 0)
        good = false;
    buf_done(&text);
    if (good && rename(temp, path) == 0)
        return 0;
    err_set(e, EX_CANTCREAT, "cannot write %s: %s", path, strerror(errno));
    unlink(temp);
    return -1;
}

static int make_id(struct job *j, struct err *e)
{
    unsigned char bytes[16];
    int i = 0;

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return err_set(e, EX_OSERR, "cannot get random bytes: %s", strerror(errno));
    for (i = 0; i < 16; i++)
        snprintf(j->id + (ptrdiff_t)2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static int take_slot(struct job *j, int wanted, struct err *e)
{
    int rc = slot_take(&j->slot, j->store, wanted, e);

    if (rc == STORE_SLOT_BUSY)
        return err_set(e, EX_TEMPFAIL,
                       "slot %d of %s, which holds the journal of this job, is used by another "
                       "run; wait for it to end",
                       wanted, j->store);
    if (rc == STORE_ALL_SLOTS_TAKEN)
        return err_set(e, EX_TEMPFAIL, "all slots of %s are taken by other runs; use --store DIR",
                       j->store);
    return rc;
}

int job_open(struct job *j, const char *output, const char *store_root, struct err *e)
{
    char path[4096];
    char absolute[4096];
    int slot = -1;
    int rc = 1;

    *j = (struct job){.slot = {.lock_fd = -1}};
    snprintf(path, sizeof path, "%s.job", output);
    if (strcmp(output, "-") != 0)
        rc = load(j, path, &slot, e);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return take_slot(j, slot, e);
    snprintf(j->store, sizeof j->store, "%s", store_root);
    if (make_id(j, e) < 0 || take_slot(j, -1, e) < 0)
        return -1;
    if (realpath(store_root, absolute) && strlen(absolute) < sizeof j->store)
        memcpy(j->store, absolute, strlen(absolute) + 1);
    if (strcmp(output, "-") != 0 && save(j, path, e) < 0) {
        job_close(j);
        return -1;
    }
    return 0;
}

void job_close(struct job *j)
{
    if (j->slot.lock_fd >= 0)
        slot_release(&j->slot);
    j->slot.lock_fd = -1;
}

bool job_peek(const char *output, char digest[INDEX_DIGEST_TEXT], uint32_t *ret_rows)
{
    struct job saved = {0};
    char path[4096];
    int slot = -1;

    snprintf(path, sizeof path, "%s.job", output);
    if (load(&saved, path, &slot, NULL) != 0)
        return false;
    memcpy(digest, saved.digest, INDEX_DIGEST_TEXT);
    *ret_rows = saved.rows;
    return true;
}

int job_keep_input(struct job *j, const char *output, const struct index *x, struct err *e)
{
    char path[4096];

    index_digest(x, j->digest);
    j->rows = index_rows(x);
    snprintf(path, sizeof path, "%s.job", output);
    return save(j, path, e);
}
