/* entry: see entry.h. */
#include "cmd/runs/entry.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/jobs/status.h"
#include "cmd/jobs/whole_file.h"
#include "io/jsonl.h"

static const char *const suffixes[] = {STATUS_SUFFIX, ".job", ".run"};

/* Which of the suffixes; -1: none. */
static int suffix_of(const char *path)
{
    size_t n = strlen(path);

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t k = strlen(suffixes[i]);

        if (n > k && strcmp(path + n - k, suffixes[i]) == 0)
            return (int)i;
    }
    return -1;
}

bool entry_stem(char *path)
{
    int suffix = suffix_of(path);

    if (suffix >= 0)
        path[strlen(path) - strlen(suffixes[suffix])] = '\0';
    return suffix >= 0;
}

bool entry_is_first(const char *path)
{
    int suffix = suffix_of(path);
    int n = (int)(strlen(path) - (suffix >= 0 ? strlen(suffixes[suffix]) : 0));
    char other[4096];

    for (int i = 0; i < suffix; i++) {
        if ((size_t)snprintf(other, sizeof other, "%.*s%s", n, path, suffixes[i]) < sizeof other &&
            access(other, F_OK) == 0)
            return false;
    }
    return suffix >= 0;
}

/* id: the member that all files with this suffix have. Other programs use these suffixes, too. */
static int read_file(const char *stem, const char *suffix, const char *id, struct json_object **ret,
                     struct err *e)
{
    char path[4096];

    if ((size_t)snprintf(path, sizeof path, "%s%s", stem, suffix) >= sizeof path ||
        whole_file_is_foreign(path, id) || whole_file_read(path, ret, e) == WHOLE_FILE_NONE)
        return ENTRY_NONE;
    return *ret ? ENTRY_LOADED : -1;
}

static bool says_running(struct json_object *o)
{
    const char *state = json_get_str(o, "state");

    return state && strcmp(state, "running") == 0;
}

/*
 * A job writes its end before it gives up its output. So when it says "running" and its output is free, the file is
 * read once more: if it still says so, its process is gone.
 */
static int load_status(const char *stem, struct json_object **ret, struct err *e)
{
    int rc = read_file(stem, STATUS_SUFFIX, "kind", ret, e);

    if (rc != ENTRY_LOADED || !says_running(*ret) || line_writer_locked(stem))
        return rc;
    json_object_put(*ret);
    *ret = NULL;
    rc = read_file(stem, STATUS_SUFFIX, "kind", ret, e);
    if (rc == ENTRY_LOADED && says_running(*ret))
        json_add_str(*ret, "state", "interrupted");
    return rc;
}

/* A job that left no status. */
static int load_job(const char *stem, struct json_object **ret, struct err *e)
{
    struct json_object *o CLEANUP_JSON = NULL;
    int rc = read_file(stem, ".job", "job", &o, e);

    if (rc != ENTRY_LOADED)
        return rc;
    *ret = json_object_new_object();
    json_add_str(*ret, "kind", "batch");
    json_add_str(*ret, "state", line_writer_locked(stem) ? "running" : "unknown");
    json_add_str(*ret, "id", json_get_str(o, "job"));
    json_add_int(*ret, "total", json_get_int(o, "rows", 0));
    return ENTRY_LOADED;
}

/* The requests of a job over Kafka; who collects the replies has a status of its own. */
static int load_run(const char *stem, struct json_object **ret, struct err *e)
{
    struct json_object *o CLEANUP_JSON = NULL;
    int rc = read_file(stem, ".run", "run", &o, e);
    int64_t rows = json_get_int(o, "rows", 0);

    if (rc != ENTRY_LOADED)
        return rc;
    *ret = json_object_new_object();
    json_add_str(*ret, "kind", "enqueue");
    json_add_str(*ret, "state", json_get_int(o, "sent", 0) >= rows ? "sent" : "unsent");
    json_add_str(*ret, "id", json_get_str(o, "run"));
    json_add_str(*ret, "input", json_get_str(o, "input"));
    json_add_int(*ret, "total", rows);
    json_add_int(*ret, "sent", json_get_int(o, "sent", 0));
    return ENTRY_LOADED;
}

int entry_load(const char *stem, struct json_object **ret, struct err *e)
{
    struct json_object *o = NULL;
    int rc = load_status(stem, &o, e);

    if (rc == ENTRY_NONE)
        rc = load_job(stem, &o, e);
    if (rc == ENTRY_NONE)
        rc = load_run(stem, &o, e);
    if (rc != ENTRY_LOADED)
        return rc;
    json_add_str(o, "path", stem);
    *ret = o;
    return ENTRY_LOADED;
}

int entry_need(const char *stem, struct json_object **ret, struct err *e)
{
    int rc = entry_load(stem, ret, e);

    if (rc != ENTRY_NONE)
        return rc;
    return err_set(e, EX_NOINPUT,
                   "%s has no OUT.status, OUT.job or OUT.run beside it; `sluice runs` lists the "
                   "jobs below a directory",
                   stem);
}
