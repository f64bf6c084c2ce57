/*
 * show: `sluice cache stat`, `get`, `ls`, `export` and `verify`. All of them open the database
 * read-only, so that they may run beside a worker; none changes anything.
 */
#include "cmd/cache/cache.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "io/store_codec.h"
#include "io/store_line.h"
#include "io/store_walk.h"

#define LINE_MAX_BYTES ((size_t)1 << 30)

int cache_run_stat(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct cache_options *o = opts;
    CLEANUP(cache_place_done) struct place p = {0};
    CLEANUP(cache_store_cleanup) struct store *s = NULL;
    struct store_stats st;
    int r = cache_open(&p, opts, &s, e);

    (void)nargs, (void)args;
    if (r != 0)
        return r;
    store_stats(s, &st);
    printf(o->json ? "{\"completions\":%" PRIu64 ",\"completion_bytes\":%" PRIu64
                     ",\"outcomes\":%" PRIu64 ",\"outcome_bytes\":%" PRIu64 "}\n"
                   : "completions  about %" PRIu64 "  %" PRIu64 " bytes\n"
                     "outcomes     about %" PRIu64 "  %" PRIu64 " bytes\n",
           st.completions, st.completion_bytes, st.outcomes, st.outcome_bytes);
    return cache_flush_output(e);
}

static int print_completion(struct store *s, const char *hex, bool json, struct buf *line,
                            struct err *e)
{
    CLEANUP(cache_completion_cleanup) struct completion *c = NULL;
    uint8_t key[SHA256_LEN];
    int r;

    if (store_key_parse(hex, key) < 0)
        return err_set(e, EX_USAGE, "%s is no key: %d hex digits are", hex, 2 * SHA256_LEN);
    r = store_get_completion(s, key, 0, &c, e); /* at time 0 nothing has expired */
    if (r == STORE_NONE)
        return err_set(e, CACHE_SOME_BAD, "%s is not in the store", hex);
    if (r < 0)
        return r;
    if (!json) {
        printf("%s\n", c->body);
        return 0;
    }
    buf_clear(line);
    store_line_write(line, key, c, true);
    printf("%s\n", line->data);
    return 0;
}

int cache_run_get(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct cache_options *o = opts;
    CLEANUP(cache_place_done) struct place p = {0};
    CLEANUP(cache_store_cleanup) struct store *s = NULL;
    CLEANUP(buf_done) struct buf line = BUF_INIT(LINE_MAX_BYTES);
    int r = 0;

    if (nargs == 0)
        return err_set(e, EX_USAGE, "name the KEY of a completion; `sluice cache ls` shows them"),
               EX_USAGE;
    r = cache_open(&p, opts, &s, e);
    if (r != 0)
        return r;
    for (int i = 0; i < nargs; i++)
        if (print_completion(s, args[i], o->json, &line, e) < 0)
            return cache_exit_code(e);
    return cache_flush_output(e);
}

struct listing {
    const struct cache_options *o;
    bool with_body;
    int64_t now_wall_ms;
    int64_t left; /* lines still wanted; negative: all */
    struct buf line;
    uint64_t undecodable;
};

static void print_row(const uint8_t *key, const struct completion *c)
{
    char hex[2 * SHA256_LEN + 1], created[40], expires[40] = "never";

    sha256_hex(key, hex);
    clock_format_rfc3339(c->created_wall_ms, created, sizeof created);
    if (c->expires_wall_ms)
        clock_format_rfc3339(c->expires_wall_ms, expires, sizeof expires);
    printf("%s\t%s\t%s\t%s\t%s\t%zu\n", hex, c->model, c->provider, created, expires, c->body_len);
}

static enum walk_action list_entry(void *arg, const struct store_entry *entry)
{
    CLEANUP(cache_completion_cleanup) struct completion *c = NULL;
    struct listing *l = arg;
    bool expired;

    if (entry->key_len != SHA256_LEN ||
        codec_get_completion(entry->value, entry->value_len, &c) < 0) {
        l->undecodable++;
        return WALK_GO;
    }
    expired = c->expires_wall_ms && c->expires_wall_ms <= l->now_wall_ms;
    if ((l->o->expired && !expired) || (l->o->model && strcmp(l->o->model, c->model) != 0))
        return WALK_GO;
    if (l->with_body || l->o->json) {
        buf_clear(&l->line);
        store_line_write(&l->line, entry->key, c, l->with_body);
        printf("%s\n", l->line.data);
    } else {
        print_row(entry->key, c);
    }
    if (l->left > 0)
        l->left--;
    return l->left == 0 || ferror(stdout) ? WALK_STOP : WALK_GO;
}

static int list(const struct cache_options *o, bool with_body, struct err *e)
{
    CLEANUP(cache_place_done) struct place p = {0};
    CLEANUP(cache_store_cleanup) struct store *s = NULL;
    struct listing l = {.o = o,
                        .with_body = with_body,
                        .now_wall_ms = clock_wall_ms(),
                        .left = o->limit > 0 ? o->limit : -1,
                        .line = BUF_INIT(LINE_MAX_BYTES)};
    int r = cache_open(&p, o, &s, e);

    if (r != 0)
        return r;
    r = store_walk(s, STORE_COMPLETIONS, NULL, 0, list_entry, &l, NULL, e);
    buf_done(&l.line);
    if (r < 0)
        return cache_exit_code(e);
    if (l.undecodable > 0)
        fprintf(stderr,
                "%" PRIu64 " completions cannot be read; `sluice cache verify` names them\n",
                l.undecodable);
    return cache_flush_output(e);
}

int cache_run_ls(const void *opts, int nargs, char *const *args, struct err *e)
{
    (void)nargs, (void)args;
    return list(opts, false, e);
}

int cache_run_export(const void *opts, int nargs, char *const *args, struct err *e)
{
    (void)nargs, (void)args;
    return list(opts, true, e);
}

struct verdict {
    enum store_family family;
    uint64_t good, bad;
};

static bool is_json(const char *text, size_t len)
{
    CLEANUP_JSON struct json_object *o = NULL;

    return json_parse_answer(text, len, &o) == 0 && json_object_is_type(o, json_type_object);
}

static bool is_good(enum store_family f, const struct store_entry *entry)
{
    CLEANUP(cache_completion_cleanup) struct completion *c = NULL;
    struct outcome_value v;
    struct store_claim claim;

    if (f == STORE_CLAIMS)
        return entry->key_len == STORE_CLAIM_KEY_LEN &&
               codec_get_claim(entry->value, entry->value_len, &claim) == 0;
    if (f == STORE_OUTCOMES)
        return codec_get_outcome(entry->value, entry->value_len, &v) == 0 &&
               is_json(v.reply, v.reply_len);
    return entry->key_len == SHA256_LEN &&
           codec_get_completion(entry->value, entry->value_len, &c) == 0 &&
           completion_cacheable(c) && is_json(c->body, c->body_len);
}

static enum walk_action verify_entry(void *arg, const struct store_entry *entry)
{
    static const char *const names[STORE_FAMILIES] = {"completion", "outcome", "claim"};
    struct verdict *v = arg;

    if (is_good(v->family, entry)) {
        v->good++;
        return WALK_GO;
    }
    v->bad++;
    printf("bad %s ", names[v->family]);
    for (size_t i = 0; i < entry->key_len; i++)
        printf("%02x", entry->key[i]);
    printf("\n");
    return WALK_GO;
}

int cache_run_verify(const void *opts, int nargs, char *const *args, struct err *e)
{
    CLEANUP(cache_place_done) struct place p = {0};
    CLEANUP(cache_store_cleanup) struct store *s = NULL;
    struct verdict v[STORE_FAMILIES] = {
        {.family = STORE_COMPLETIONS}, {.family = STORE_OUTCOMES}, {.family = STORE_CLAIMS}};
    int r = cache_open(&p, opts, &s, e);

    (void)nargs, (void)args;
    if (r != 0)
        return r;
    for (int f = 0; f < STORE_FAMILIES; f++)
        if (store_walk(s, v[f].family, NULL, 0, verify_entry, &v[f], NULL, e) < 0)
            return cache_exit_code(e);
    printf("completions: %" PRIu64 " good, %" PRIu64 " bad\n", v[0].good, v[0].bad);
    printf("outcomes: %" PRIu64 " good, %" PRIu64 " bad\n", v[1].good, v[1].bad);
    if (v[2].good + v[2].bad > 0)
        printf("claims: %" PRIu64 " good, %" PRIu64 " bad\n", v[2].good, v[2].bad);
    r = cache_flush_output(e);
    return r == 0 && v[0].bad + v[1].bad + v[2].bad > 0 ? CACHE_SOME_BAD : r;
}
