/*
 * change: `sluice cache rm` and `import`. Changes go to the worker through its control socket, or,
 * when nobody holds the slot, are done here with the slot held. Outcomes are never changed: they
 * belong to the worker.
 */
#include "cmd/cache/cache.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/store_control.h"
#include "io/store_line.h"

#define LINE_MAX_BYTES ((size_t)1 << 30)

struct changer {
    struct slot slot;
    struct store *store;           /* ours, when the slot was free */
    struct control_client *client; /* else the worker's */
};

static void changer_done(struct changer *c)
{
    control_close(c->client);
    store_free(c->store);
    slot_release(&c->slot);
}

static int changer_open(struct changer *c, const struct place *p, struct err *e)
{
    int r = slot_take(&c->slot, p->root, p->slot, e);

    if (r < 0)
        return -1;
    if (r == 0) {
        c->store = store_open(p->path, p->config, e);
        return c->store ? 0 : -1;
    }
    c->client = control_connect(p->path, e);
    if (!c->client)
        return err_wrap(e, "slot %d is in use, but its worker does not answer", p->slot);
    return 0;
}

static int change(struct changer *c, const struct buf *request, uint64_t *total, struct err *e)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(65536);
    uint64_t count = 0;
    int r;

    if (c->client) {
        r = control_call(c->client, request->data, request->len, &count, e);
    } else {
        store_control_do(c->store, request->data, request->len, clock_wall_ms(), &answer);
        r = control_answer(answer.data, answer.len, &count, e);
    }
    if (r == 0)
        *total += count;
    return r;
}

static int remove_keys(struct changer *c, int nkeys, char *const *keys, uint64_t *total,
                       struct err *e)
{
    CLEANUP(buf_done) struct buf request = BUF_INIT(65536);
    uint8_t key[SHA256_LEN];

    for (int i = 0; i < nkeys; i++) {
        if (store_key_parse(keys[i], key) < 0)
            return err_set(e, EX_USAGE, "%s is no key: %d hex digits are", keys[i], 2 * SHA256_LEN);
        buf_clear(&request);
        buf_printf(&request, "{\"op\":\"rm\",\"key\":\"%s\"}", keys[i]);
        if (change(c, &request, total, e) < 0)
            return -1;
    }
    return 0;
}

static int remove_chosen(struct changer *c, const struct cache_options *o, uint64_t *total,
                         struct err *e)
{
    CLEANUP(buf_done) struct buf request = BUF_INIT(65536);

    buf_str(&request, "{\"op\":\"rm\",");
    if (o->model) {
        buf_str(&request, "\"model\":");
        buf_json_str(&request, o->model, strlen(o->model));
    } else {
        buf_printf(&request, "\"%s\":true", o->all ? "all" : "expired");
    }
    buf_char(&request, '}');
    return change(c, &request, total, e);
}

int cache_run_rm(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct cache_options *o = opts;
    CLEANUP(cache_place_done) struct place p = {0};
    CLEANUP(changer_done) struct changer c = {.slot.lock_fd = -1};
    uint64_t total = 0;
    int r;

    if ((nargs > 0) + o->expired + o->all + (o->model != NULL) != 1)
        return err_set(e, EX_USAGE, "say what to remove: KEY..., --model, --expired or --all"),
               EX_USAGE;
    r = cache_place_find(&p, o, false, e);
    if (r != 0)
        return r;
    r = changer_open(&c, &p, e);
    if (r == 0)
        r = nargs > 0 ? remove_keys(&c, nargs, args, &total, e) : remove_chosen(&c, o, &total, e);
    fprintf(stderr, "%" PRIu64 " removed\n", total);
    return r < 0 ? cache_exit_code(e) : 0;
}

/* Returns the number of lines that were refused, or -1. */
static int64_t import_lines(struct changer *c, FILE *in, const char *name, uint64_t *total,
                            struct err *e)
{
    CLEANUP_FREE char *line = NULL;
    CLEANUP(buf_done) struct buf request = BUF_INIT(LINE_MAX_BYTES);
    size_t cap = 0;
    ssize_t n;
    int64_t number = 0, refused = 0;

    while ((n = getline(&line, &cap, in)) > 0) {
        struct err bad = {0};

        number++;
        if (line[n - 1] == '\n')
            n--;
        if (n == 0)
            continue;
        buf_clear(&request);
        buf_str(&request, "{\"op\":\"import\",\"completion\":");
        buf_append(&request, line, (size_t)n);
        buf_char(&request, '}');
        if (!request.over && change(c, &request, total, &bad) == 0)
            continue;
        fprintf(stderr, "%s:%" PRId64 ": %s\n", name, number, bad.msg);
        refused++;
    }
    if (ferror(in))
        return err_set(e, EX_IOERR, "cannot read %s: %s", name, strerror(errno));
    return refused;
}

static void close_file(FILE **f)
{
    if (*f && *f != stdin)
        fclose(*f);
}

int cache_run_import(const void *opts, int nargs, char *const *args, struct err *e)
{
    const char *name = nargs > 0 ? args[0] : "-";
    CLEANUP(cache_place_done) struct place p = {0};
    CLEANUP(changer_done) struct changer c = {.slot.lock_fd = -1};
    CLEANUP(close_file) FILE *in = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    uint64_t total = 0;
    int64_t refused;
    int r;

    if (!in)
        return err_set(e, EX_NOINPUT, "cannot open %s: %s", name, strerror(errno)), EX_NOINPUT;
    r = cache_place_find(&p, opts, true, e);
    if (r != 0)
        return r;
    if (changer_open(&c, &p, e) < 0)
        return cache_exit_code(e);
    refused = import_lines(&c, in, name, &total, e);
    fprintf(stderr, "%" PRIu64 " imported, %" PRId64 " refused\n", total,
            refused < 0 ? 0 : refused);
    if (refused < 0)
        return cache_exit_code(e);
    return refused > 0 ? CACHE_SOME_BAD : 0;
}
