/*
 * load: inputs, commits, replies, transactions and calls, one after the other, into one history. A reply is
 * matched to its input by the headers that name the source; what the simulator echoed must be the prompt.
 */
#include "tests/chaos/load.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "tests/chaos/topic_reader.h"
#include "policy/key.h"
#include "policy/ledger.h"
#include "policy/map.h"
#include "task/record.h"

#define ECHO       "echo: "
#define STATS_MAX  ((size_t)1 << 30)
#define DIGEST_MAX ((size_t)16 << 20)

/* ---- inputs ---- */

struct inputs {
    struct history *h;
    struct config *config;
    struct sha256 *sha;
    struct buf scratch;
};

static struct json_object *last_of(struct json_object *list)
{
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    return n ? json_object_array_get_idx(list, n - 1) : NULL;
}

static uint64_t hash_text(const char *s)
{
    return s ? history_hash(s, strlen(s)) : 0;
}

static void on_input(void *arg, const rd_kafka_message_t *m)
{
    struct inputs *in = arg;
    struct history_record r = {0};
    struct task *t = task_new();

    t->origin = (struct task_origin){in->h->topic, m->partition, m->offset};
    t->raw = mem_dup(m->payload, m->len);
    t->raw_len = m->len;
    t->key = mem_dup(m->key, m->key_len);
    t->key_len = m->key_len;
    if (record_parse(t, in->config) == RECORD_GOOD && key_digest(t, in->sha, &in->scratch) == 0) {
        r.prompt = hash_text(json_get_str(last_of(json_get(t->body, "messages")), "content"));
        for (int i = 0; i < 8; i++)
            r.digest = r.digest << 8 | t->digest[i];
    }
    r.id = hash_text(t->id);
    history_input(in->h, m->partition, m->offset, &r);
    task_free(t);
}

static int load_inputs(struct load *l, rd_kafka_t *rk, struct err *e)
{
    struct inputs in = {.h = l->history,
                        .config = config_new(),
                        .sha = sha256_new(),
                        .scratch = BUF_INIT(DIGEST_MAX)};
    int r = topic_read(rk, l->requests, on_input, &in, e);

    config_free(in.config);
    sha256_free(in.sha);
    buf_done(&in.scratch);
    return r;
}

/* ---- commits ---- */

static void on_offset(void *arg, const rd_kafka_message_t *m)
{
    struct load *l = arg;
    struct group_entry *e = mem_alloc(sizeof *e);

    group_entry_read(m->key, m->key_len, m->payload, m->len, l->requests, e);
    if (strcmp(e->group, l->group) != 0)
        e->kind = GROUP_OTHER;
    if (e->kind == GROUP_MEMBERS)
        group_moves_add(&l->moves, e);
    if (e->kind == GROUP_COMMIT && strcmp(e->topic, l->requests) == 0 && e->partition >= 0 &&
        e->partition < l->history->nparts)
        history_commit(l->history, e->partition, e->offset, e->metadata, e->metadata_len);
    free(e);
}

/* ---- replies ---- */

static const char *echo_of(struct json_object *o)
{
    struct json_object *body = json_get(json_get(o, "response"), "body");
    const char *text =
        json_get_str(json_get(last_of(json_get(body, "choices")), "message"), "content");

    return text && strncmp(text, ECHO, strlen(ECHO)) == 0 ? text + strlen(ECHO) : NULL;
}

static void add_wait(struct load *l, const struct history_reply *r, struct json_object *own,
                     int64_t replied_ms)
{
    const char *finished = json_get_str(own, "finished_at");
    struct wait w = {.partition = r->source_partition, .replied_ms = replied_ms};

    if (finished && clock_parse_rfc3339(finished, &w.finished_ms) == 0)
        waits_add(&l->waits, &w);
}

static void read_value(struct load *l, const rd_kafka_message_t *m, struct history_reply *r)
{
    CLEANUP_JSON struct json_object *o = NULL;
    rd_kafka_timestamp_type_t type;
    struct json_object *error;

    if (json_parse(m->payload, m->len, &o, NULL) < 0) {
        r->failed = true;
        return;
    }
    error = json_get(o, "error");
    r->id = hash_text(json_get_str(o, "custom_id"));
    r->prompt = hash_text(echo_of(o));
    r->failed = (error && !json_object_is_type(error, json_type_null)) ||
                json_get_int(json_get(o, "response"), "status_code", 0) != 200;
    add_wait(l, r, json_get(o, "sluice"), rd_kafka_message_timestamp(m, &type));
}

static void on_reply(void *arg, const rd_kafka_message_t *m)
{
    struct load *l = arg;
    struct history_reply r = {.partition = m->partition, .offset = m->offset};

    r.source_partition = (int32_t)topic_header_int(m, "sluice-source-partition", -1);
    r.source_offset = topic_header_int(m, "sluice-source-offset", -1);
    if (l->segments)
        r.fate = segments_fate(&l->segments[m->partition], m->offset);
    read_value(l, m, &r);
    l->visible[m->partition]++;
    history_reply(l->history, &r);
}

static void on_any_reply(void *arg, const rd_kafka_message_t *m)
{
    (void)m;
    ++*(uint64_t *)arg;
}

static int load_segments(struct load *l, struct err *e)
{
    char dir[1024];

    l->segments = mem_array((size_t)l->reply_partitions, sizeof *l->segments);
    for (int32_t i = 0; i < l->reply_partitions; i++) {
        snprintf(dir, sizeof dir, "%s/%s-%d", l->log_dir, l->replies, (int)i);
        if (segments_load(&l->segments[i], dir, e) < 0)
            return -1;
    }
    return 0;
}

/* Sum over the partitions of what stands behind the last stable offset. */
static int count_open(struct load *l, rd_kafka_t *stable, rd_kafka_t *all, uint64_t *ret,
                      struct err *e)
{
    *ret = 0;
    for (int32_t i = 0; i < l->reply_partitions; i++) {
        int64_t to = topic_end(stable, l->replies, i, e);
        int64_t end = to < 0 ? -1 : topic_end(all, l->replies, i, e);

        if (end < 0)
            return -1;
        *ret += (uint64_t)(end > to ? end - to : 0);
    }
    return 0;
}

/* The broker ends the transaction of a worker that is gone after its time-out. */
static int wait_stable(struct load *l, rd_kafka_t *stable, rd_kafka_t *all, struct err *e)
{
    int64_t until_us = clock_mono_us() + l->settle_ms * 1000;

    for (;;) {
        if (count_open(l, stable, all, &l->open_offsets, e) < 0)
            return -1;
        if (!l->open_offsets || clock_mono_us() >= until_us)
            return 0;
        poll(NULL, 0, 200);
    }
}

static void compare_log(struct load *l)
{
    for (int32_t i = 0; l->segments && i < l->reply_partitions; i++)
        history_log(l->history, i, l->segments[i].committed, l->segments[i].open, l->visible[i]);
}

static int load_replies(struct load *l, rd_kafka_t *stable, rd_kafka_t *all, struct err *e)
{
    l->reply_partitions = topic_partitions(stable, l->replies, e);
    if (l->reply_partitions < 0 || wait_stable(l, stable, all, e) < 0)
        return -1;
    l->visible = mem_array((size_t)l->reply_partitions, sizeof *l->visible);
    if (l->log_dir && load_segments(l, e) < 0)
        return -1;
    if (topic_read(stable, l->replies, on_reply, l, e) < 0 ||
        topic_read(all, l->replies, on_any_reply, &l->all_replies, e) < 0)
        return -1;
    compare_log(l);
    return 0;
}

/* ---- calls ---- */

static int read_file(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "re");
    char chunk[65536];
    size_t n;
    int r = 0;

    if (!f)
        return err_set(e, EX_NOINPUT, "%s: %s", path, strerror(errno));
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_append(out, chunk, n);
    if (ferror(f) || out->over)
        r = err_set(e, EX_IOERR, "%s cannot be read", path);
    fclose(f);
    return r;
}

static int load_calls(struct load *l, struct err *e)
{
    struct buf text = BUF_INIT(STATS_MAX);
    struct json_object *o = NULL, *list;
    int r = read_file(l->stats, &text, e);

    if (r == 0 && json_parse_answer(text.data ? text.data : "", text.len, &o) < 0)
        r = err_set(e, EX_DATAERR, "%s: no JSON", l->stats);
    buf_done(&text);
    list = json_get_type(o, "headers", json_type_array);
    if (r == 0 && (!list || json_get_bool(o, "overflow", true)))
        r = err_set(e, EX_DATAERR, "%s: no list of all requests", l->stats);
    for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        const char *digest = json_get_str(entry, "digest");

        history_call(l->history, strtoull(digest ? digest : "0", NULL, 16),
                     (uint32_t)json_get_int(entry, "calls", 0));
    }
    if (r == 0 && (uint64_t)json_get_int(o, "calls", -1) != l->history->calls)
        r = err_set(e, EX_DATAERR, "%s: %" PRId64 " calls, but the list has %" PRIu64, l->stats,
                    json_get_int(o, "calls", -1), l->history->calls);
    json_object_put(o);
    return r;
}

/* ---- all of it ---- */

static int load_with(struct load *l, rd_kafka_t *stable, rd_kafka_t *all, struct err *e)
{
    int32_t n = topic_partitions(all, l->requests, e);

    if (n < 0)
        return -1;
    l->history = history_new(l->group, l->requests, n);
    l->history->exactly_once = l->exactly_once;
    if (load_inputs(l, all, e) < 0 || load_replies(l, stable, all, e) < 0)
        return -1;
    if (topic_read(stable, "__consumer_offsets", on_offset, l, e) < 0)
        return -1;
    return l->stats ? load_calls(l, e) : 0;
}

static void close_client(rd_kafka_t *rk)
{
    if (rk)
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

int load_all(struct load *l, struct err *e)
{
    rd_kafka_t *stable = topic_client(l->broker, "chaos-check", true, e);
    rd_kafka_t *all = stable ? topic_client(l->broker, "chaos-check", false, e) : NULL;
    int r = all ? load_with(l, stable, all, e) : -1;

    close_client(stable);
    close_client(all);
    return r;
}

void load_done(struct load *l)
{
    for (int32_t i = 0; l->segments && i < l->reply_partitions; i++)
        segments_done(&l->segments[i]);
    free(l->segments);
    free(l->visible);
    group_moves_done(&l->moves);
    waits_done(&l->waits);
    l->history = history_free(l->history);
}

/* ---- progress ---- */

static uint64_t done_of(const struct load *l, const rd_kafka_topic_partition_t *tp, int64_t end)
{
    struct map_scope scope = {l->group, l->requests, tp->partition};
    struct ledger *ledger;
    uint64_t n = 0;

    if (tp->offset < 0)
        return 0;
    ledger = ledger_new(tp->offset, SIZE_MAX, INT64_MAX);
    if (tp->metadata_size)
        map_decode(&scope, tp->metadata, tp->metadata_size, ledger);
    for (int64_t o = tp->offset; o < end; o++)
        n += ledger_begin(ledger, o) == LEDGER_SEEN;
    ledger_free(ledger);
    return (uint64_t)tp->offset + n;
}

int load_progress(const struct load *l, uint64_t *ret_total, uint64_t *ret_done, struct err *e)
{
    rd_kafka_t *rk = topic_client(l->broker, l->group, true, e);
    int32_t n = rk ? topic_partitions(rk, l->requests, e) : -1;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    rd_kafka_resp_err_t err;
    int r = n < 0 ? -1 : 0;

    *ret_total = *ret_done = 0;
    for (int32_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, l->requests, i);
    err = r == 0 ? rd_kafka_committed(rk, list, 5000) : 0;
    if (err)
        r = err_set(e, EX_UNAVAILABLE, "committed offsets: %s", rd_kafka_err2str(err));
    for (int32_t i = 0; r == 0 && i < n; i++) {
        int64_t end = topic_end(rk, l->requests, i, e);

        r = end < 0 ? -1 : 0;
        *ret_total += end > 0 ? (uint64_t)end : 0;
        *ret_done += end > 0 ? done_of(l, &list->elems[i], end) : 0;
    }
    rd_kafka_topic_partition_list_destroy(list);
    close_client(rk);
    return r;
}
