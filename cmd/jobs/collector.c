/* collector: replies in, lines out; see collector.h. It does not know when a job is done. */
#include "cmd/jobs/collector.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/jobs/run.h"
#include "cmd/jobs/whole_file.h"

#define STEP_RECORDS  1024
#define SYNC_EVERY_US 300000 /* an embedded broker holds replies back until their positions come */

struct collector {
    struct collector_setup s;
    struct kafka_reader *reader;
    struct tally tally;
    struct collector_view view;
    int64_t *ends; /* of the topic when we started */
    int64_t synced_us;
    bool unsynced; /* read since the last sync */
    char place[4200];
    struct buf line; /* a reply whose text has line ends, in one line */
};

static bool has_place(const struct collector *c)
{
    return c->place[0] != '\0';
}

/* Positions of an earlier run into the same output. Anything odd: none, which costs reading again. */
static int load_place(const struct collector *c, int64_t **ret, size_t *ret_n, struct err *e)
{
    struct json_object *o CLEANUP_JSON = NULL;
    struct json_object *list = NULL;
    const char *run = NULL;
    const char *topic = NULL;
    const char *cluster = NULL;
    size_t i = 0;

    if (!has_place(c) || whole_file_read(c->place, &o, NULL) != WHOLE_FILE_READ)
        return 0;
    run = json_get_str(o, "run");
    topic = json_get_str(o, "topic");
    cluster = json_get_str(o, "cluster");
    list = json_get_type(o, "next", json_type_array);
    if (c->s.run && run && run[0] && strcmp(run, c->s.run) != 0)
        return err_set(e, EX_CANTCREAT,
                       "%s holds replies of run %s, as %s says; name another output", c->s.output,
                       run, c->place);
    if (!topic || strcmp(topic, c->s.topic) != 0 || !cluster ||
        strcmp(cluster, c->s.cluster) != 0 || !run || strcmp(run, c->s.run ? c->s.run : "") != 0 ||
        !list || json_get_int(o, "replies", INT64_MAX) > (int64_t)c->s.resumed)
        return 0; /* also when lines have gone from the output since */
    *ret_n = json_object_array_length(list);
    *ret = mem_array(*ret_n + 1, sizeof **ret);
    for (i = 0; i < *ret_n; i++)
        (*ret)[i] = json_object_get_int64(json_object_array_get_idx(list, i));
    return 0;
}

static void save_place(const struct collector *c)
{
    struct buf text = BUF_INIT(WHOLE_FILE_MAX);
    struct err e = {0};
    char quoted[600];
    size_t n = kafka_reader_partitions(c->reader);
    size_t i = 0;

    if (!has_place(c))
        return;
    buf_printf(&text, "{\"run\":\"%s\",\"topic\":", c->s.run ? c->s.run : "");
    buf_json_str(&text, c->s.topic, strlen(c->s.topic));
    buf_str(&text, ",\"cluster\":");
    buf_json_str(&text, c->s.cluster, strlen(c->s.cluster));
    buf_printf(&text, ",\"replies\":%llu,\"next\":[",
               (unsigned long long)(c->s.resumed + c->view.taken));
    for (i = 0; i < n; i++)
        buf_printf(&text, "%s%lld", i ? "," : "", (long long)kafka_reader_position(c->reader, i));
    buf_str(&text, "]}\n");
    /* Not synced: an old place only means reading again. */
    if (text.over || whole_file_replace(c->place, &text, false, &e) < 0)
        log_warn("place cannot be saved, a resumed run will read more", "text=%s",
                 log_quote(e.msg, quoted, sizeof quoted));
    buf_done(&text);
}

struct collector *collector_new(const struct collector_setup *setup, int64_t timeout_ms,
                                struct err *e)
{
    struct collector *c = mem_alloc(sizeof *c);
    int64_t *offsets CLEANUP_FREE = NULL;
    struct kafka_reader_setup rs = {.config = setup->config,
                                    .topic = setup->topic,
                                    .from = KAFKA_FROM_BEGINNING,
                                    .fatal = setup->fatal};

    c->s = *setup;
    buf_init(&c->line, (size_t)64 << 20);
    if (line_writer_is_file(setup->out) &&
        (size_t)snprintf(c->place, sizeof c->place, "%s.collect", setup->output) >= sizeof c->place)
        c->place[0] = '\0';
    if (load_place(c, &offsets, &rs.noffsets, e) < 0)
        return collector_free(c);
    rs.offsets = offsets;
    c->reader = kafka_reader_new(&rs, timeout_ms, e);
    if (!c->reader)
        return collector_free(c);
    c->ends = mem_array(kafka_reader_partitions(c->reader), sizeof *c->ends);
    if (kafka_reader_ends(c->reader, c->ends, timeout_ms, e) < 0)
        return collector_free(c);
    c->view.last_us = clock_mono_us();
    c->synced_us = c->view.last_us;
    return c;
}

struct collector *collector_free(struct collector *c)
{
    if (!c)
        return NULL;
    kafka_reader_free(c->reader);
    buf_done(&c->line);
    free(c->ends);
    free(c);
    return NULL;
}

void collector_put(struct collector *c, const struct reply_view *v, const char *line, size_t len)
{
    line_writer_add(v->ok || !c->s.errors ? c->s.out : c->s.errors, line, len);
    tally_add(&c->tally, v);
    c->view.taken++;
}

static bool is_of_run(const struct collector *c, const struct kafka_record *r)
{
    size_t i = 0;

    if (!c->s.run)
        return true;
    for (i = 0; i < r->nfields; i++) {
        const struct kafka_field *f = &r->fields[i];

        if (strcmp(f->name, RUN_HEADER) == 0)
            return f->len == strlen(c->s.run) && memcmp(f->value, c->s.run, f->len) == 0;
    }
    return false;
}

static void note_unreadable(struct collector *c, const struct kafka_record *r,
                            const struct err *why)
{
    char text[600];

    if (c->view.unreadable++ == 0)
        log_warn("a record of the reply topic is no reply, passed over",
                 "topic=%s partition=%d offset=%lld text=%s", c->s.topic, (int)r->partition,
                 (long long)r->offset, log_quote(why->msg, text, sizeof text));
}

static void take(struct collector *c, const struct kafka_record *r, int64_t now_us)
{
    struct reply_view v = {0};
    struct err why = {0};
    int wanted = 0;

    c->unsynced = true;
    if (!is_of_run(c, r)) {
        c->view.others++;
        return;
    }
    if (!r->value || reply_read(r->value, r->value_len, &v, &why) < 0) {
        note_unreadable(c, r, &why);
        return;
    }
    wanted = c->s.take(c->s.arg, v.custom_id, strlen(v.custom_id));
    if (wanted > 0) {
        c->view.last_us = now_us;
        buf_clear(&c->line);
        if (memchr(r->value, '\n', r->value_len) && json_write(v.root, &c->line) == 0)
            collector_put(c, &v, c->line.data, c->line.len);
        else
            collector_put(c, &v, r->value, r->value_len);
    } else if (wanted == 0) {
        c->view.repeats++;
    } else {
        c->view.others++;
    }
    reply_view_done(&v);
}

/* 0; COLLECTOR_DISK; or -1 when nobody reads the output any more, which no waiting will change. */
static int flush(struct collector *c, bool sync, struct err *e)
{
    int rc = line_writer_flush(c->s.out, sync, e);

    if (rc == 0 && c->s.errors)
        rc = line_writer_flush(c->s.errors, sync, e);
    if (rc == LINE_WRITER_CLOSED)
        return -1;
    return rc < 0 ? COLLECTOR_DISK : 0;
}

static int sync_and_commit(struct collector *c, bool wait, int64_t now_us, struct err *e)
{
    int rc = flush(c, true, e);

    if (rc != 0)
        return rc;
    save_place(c);
    c->synced_us = now_us;
    c->unsynced = false;
    return kafka_reader_commit(c->reader, wait, e);
}

static int step(struct collector *c, int64_t timeout_ms, int64_t now_us, struct err *e)
{
    struct kafka_record r;
    int n = 0;
    int rc = 0;

    rc = flush(c, false, e); /* what an earlier step could not write */
    if (rc != 0)
        return rc;
    for (n = 0; n < STEP_RECORDS; n++) {
        rc = kafka_reader_poll(c->reader, n == 0 ? timeout_ms : 0, &r, e);
        if (rc != KAFKA_RECORD)
            break;
        take(c, &r, now_us);
    }
    if (rc < 0)
        return -1;
    rc = flush(c, false, e);
    if (rc != 0)
        return rc;
    if (c->unsynced && now_us - c->synced_us >= SYNC_EVERY_US) {
        rc = sync_and_commit(c, false, now_us, e);
        if (rc != 0)
            return rc;
    }
    return n > 0 ? COLLECTOR_GOT : COLLECTOR_NOTHING;
}

int collector_step(struct collector *c, int64_t timeout_ms, int64_t now_us, struct err *e)
{
    struct err why = {0};
    int rc = step(c, timeout_ms, now_us, &why);

    if (rc < 0)
        *e = why; /* a full disk may have room again: no error of the job */
    return rc;
}

bool collector_caught_up(const struct collector *c)
{
    size_t i = 0;

    for (i = 0; i < kafka_reader_partitions(c->reader); i++) {
        if (c->ends[i] > 0 && kafka_reader_position(c->reader, i) < c->ends[i])
            return false;
    }
    return true;
}

int collector_finish(struct collector *c, struct err *e)
{
    struct err why = {0};
    char text[600];

    if (flush(c, true, e) != 0)
        return -1;
    /* Everything is in the files by now; at worst the next reader starts further back. */
    if (sync_and_commit(c, true, clock_mono_us(), &why) != 0)
        log_warn("positions cannot be committed", "text=%s", log_quote(why.msg, text, sizeof text));
    return 0;
}

const struct tally *collector_tally(const struct collector *c)
{
    return &c->tally;
}

struct progress_view collector_progress(const struct collector *c, uint64_t total)
{
    const struct tally *t = &c->tally;

    return (struct progress_view){.done = c->s.resumed + t->done,
                                  .total = total,
                                  .resumed = c->s.resumed,
                                  .cached = t->hits,
                                  .coalesced = t->coalesced,
                                  .failed = t->failed,
                                  .calls = t->done,
                                  .input_tokens = t->input_tokens,
                                  .output_tokens = t->output_tokens,
                                  .cost_usd = t->cost_usd,
                                  .cost_unknown = t->cost_unknown,
                                  .limited_by = "the workers"};
}

void collector_look(const struct collector *c, struct collector_view *ret)
{
    *ret = c->view;
    ret->lost = kafka_reader_lost(c->reader);
}
