/* run: reads, writes and compares manifests; see run.h. It sends nothing. */
#include "cmd/jobs/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/jobs/whole_file.h"

struct field {
    const char *name;
    size_t offset;
    size_t cap;
};

#define FIELD(member)                                                                              \
    {                                                                                              \
#member, offsetof(struct run, member), sizeof(((struct run *)0)->member)                   \
    }

static const struct field fields[] = {FIELD(topic), FIELD(replies), FIELD(servers), FIELD(cluster),
                                      FIELD(input), FIELD(digest),  FIELD(retry)};

bool run_name_good(const char *id)
{
    size_t n = strlen(id);

    return n > 0 && n <= RUN_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

int run_name(struct run *r, const char *wanted, struct err *e)
{
    unsigned char bytes[8];
    size_t i = 0;

    if (wanted && !run_name_good(wanted))
        return err_set(
            e, EX_USAGE,
            "--run \"%.120s\": a name of 1 to %d letters, digits, \".\", \"_\" and \"-\"", wanted,
            RUN_ID_MAX);
    if (wanted) {
        snprintf(r->id, sizeof r->id, "%s", wanted);
        return 0;
    }
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return err_set(e, EX_OSERR, "cannot get random bytes: %s", strerror(errno));
    snprintf(r->id, sizeof r->id, "run-");
    for (i = 0; i < sizeof bytes; i++)
        snprintf(r->id + 4 + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static int64_t count_of(struct json_object *o, const char *name)
{
    int64_t v = json_get_int(o, name, -1);

    return v >= 0 && v <= UINT32_MAX ? v : -1;
}

int run_load(struct run *r, const char *path, struct err *e)
{
    struct json_object *o CLEANUP_JSON = NULL;
    const char *id = NULL;
    struct run got = {0};
    size_t i = 0;
    int rc = whole_file_read(path, &o, e);

    if (rc == WHOLE_FILE_NONE)
        return RUN_NONE;
    if (rc < 0)
        return -1;
    id = json_get_str(o, "run");
    if (!id || !run_name_good(id) || count_of(o, "rows") < 0 || count_of(o, "sent") < 0 ||
        count_of(o, "sent") > count_of(o, "rows"))
        return err_set(
            e, EX_DATAERR,
            "%s is no manifest of a run (it lacks run, rows or sent); name the file that "
            "`sluice enqueue` wrote",
            path);
    snprintf(got.id, sizeof got.id, "%s", id);
    for (i = 0; i < ARRAY_LEN(fields); i++) {
        const char *text = json_get_str(o, fields[i].name);

        snprintf((char *)&got + fields[i].offset, fields[i].cap, "%s", text ? text : "");
    }
    got.input_bytes = json_get_int(o, "input_bytes", -1);
    got.rows = (uint32_t)count_of(o, "rows");
    got.sent = (uint32_t)count_of(o, "sent");
    got.unreadable = count_of(o, "unreadable") > 0 ? (uint32_t)count_of(o, "unreadable") : 0;
    *r = got;
    return RUN_LOADED;
}

int run_save(const struct run *r, const char *path, struct err *e)
{
    struct buf text = BUF_INIT(WHOLE_FILE_MAX);
    size_t i = 0;
    int rc = 0;

    buf_printf(&text, "{\"run\":\"%s\"", r->id);
    for (i = 0; i < ARRAY_LEN(fields); i++) {
        const char *value = (const char *)r + fields[i].offset;

        buf_printf(&text, ",\n \"%s\":", fields[i].name);
        buf_json_str(&text, value, strlen(value));
    }
    buf_printf(&text, ",\n \"input_bytes\":%lld,\"rows\":%u,\"unreadable\":%u,\"sent\":%u}\n",
               (long long)r->input_bytes, r->rows, r->unreadable, r->sent);
    rc = whole_file_replace(path, &text, true, e);
    buf_done(&text);
    return rc;
}

int run_check_same(const struct run *saved, const struct run *now, const char *path, struct err *e)
{
    const char *what = NULL;

    if (now->id[0] && strcmp(saved->id, now->id) != 0)
        what = "another run";
    else if (strcmp(saved->topic, now->topic) != 0)
        what = "another topic";
    else if (saved->cluster[0] && now->cluster[0] && strcmp(saved->cluster, now->cluster) != 0)
        what = "another Kafka cluster (or a `sluice dev` that has ended)";
    else if (now->rows < saved->rows || saved->input_bytes != now->input_bytes ||
             strcmp(saved->digest, now->digest) != 0)
        what = "another input, or the input has changed since";
    if (!what)
        return 0;
    return err_set(e, EX_DATAERR,
                   "%s is the manifest of run %s, which is for %s; delete it or name another one "
                   "with --manifest to start anew",
                   path, saved->id, what);
}
