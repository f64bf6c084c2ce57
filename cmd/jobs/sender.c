/* sender: rows in, request records out; see sender.h. It does not wait other than in sender_wait(). */
#include "cmd/jobs/sender.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "task/record.h"

#define STEP_RECORDS  256
#define UNDER_WAY_MAX ((int64_t)16 << 20) /* bytes sent and not acknowledged */
#define SAVE_EVERY_US 1000000
#define GAPS_MAX      4096

/* The rows before `row` came down to `records` sent ones: how a count of settled records becomes a row. */
struct gap {
    uint64_t records;
    uint32_t rows;
};

struct sender {
    struct sender_setup s;
    struct kafka_producer *producer;
    struct task *next; /* made and not sent yet, because the bound was reached */
    struct buf record; /* its record with the model put in */
    uint32_t row;      /* number of the next row to be read */
    uint64_t sent;
    uint32_t start; /* rows passed over at the start */
    uint32_t skipped;
    bool ended;
    int64_t saved_us;
    /* Rows that were not sent since `base` was taken; bounded: when it is full, sending waits. */
    struct gap gaps[GAPS_MAX];
    size_t ngaps;
    struct gap base; /* everything before it is settled */
};

struct sender *sender_new(const struct sender_setup *setup, int64_t timeout_ms, struct err *e)
{
    struct sender *s = mem_alloc(sizeof *s);
    struct kafka_producer_setup ps = {.config = setup->config,
                                      .topic = setup->run->topic,
                                      .max_bytes = UNDER_WAY_MAX,
                                      .fatal = setup->fatal};

    s->s = *setup;
    s->start = setup->run->sent;
    s->base.rows = s->start;
    buf_init(&s->record, (size_t)setup->config->limits.record_bytes + 4096);
    s->producer = kafka_producer_new(&ps, timeout_ms, e);
    return s->producer ? s : sender_free(s);
}

struct sender *sender_free(struct sender *s)
{
    if (!s)
        return NULL;
    kafka_producer_free(s->producer);
    task_free(s->next);
    buf_done(&s->record);
    free(s);
    return NULL;
}

/* Leading rows that are acknowledged or needed not be sent. */
static uint32_t settled_rows(struct sender *s)
{
    uint64_t records = kafka_producer_settled(s->producer);
    size_t n = 0;

    /* A gap is passed when all records before it are settled. */
    while (n < s->ngaps && s->gaps[n].records <= records)
        n++;
    if (n > 0) {
        s->base = s->gaps[n - 1];
        s->ngaps -= n;
        memmove(s->gaps, s->gaps + n, s->ngaps * sizeof *s->gaps);
    }
    s->base.rows += (uint32_t)(records - s->base.records);
    s->base.records = records;
    return s->base.rows;
}

/* Notes that the row just read is not sent: all rows up to it are settled with the records so far. */
static void note_gap(struct sender *s)
{
    struct gap g = {.records = s->sent, .rows = s->row + 1};

    if (s->ngaps > 0 && s->gaps[s->ngaps - 1].records == g.records)
        s->gaps[s->ngaps - 1] = g;
    else
        s->gaps[s->ngaps++] = g;
}

static int save(struct sender *s, int64_t now_us, struct err *e)
{
    uint32_t settled = settled_rows(s);

    s->saved_us = now_us;
    if (settled == s->s.run->sent)
        return 0;
    s->s.run->sent = settled;
    return s->s.manifest ? run_save(s->s.run, s->s.manifest, e) : 0;
}

/* Puts the model of the command line into a record that names none. */
static void put_model(struct sender *s, struct task *t)
{
    struct json_object *root CLEANUP_JSON = NULL;
    struct json_object *body = NULL;

    buf_clear(&s->record);
    if (!s->s.model || json_parse(t->raw, t->raw_len, &root, NULL) < 0 ||
        !json_object_is_type(root, json_type_object))
        return;
    body = json_get_type(root, "body", json_type_object);
    if (!body)
        body = root;
    if (json_get(body, "model") || json_get(json_get(root, "sluice"), "models"))
        return;
    json_object_object_add(body, "model", json_object_new_string(s->s.model));
    json_write(root, &s->record);
}

/* Reads the next row that is to be sent into s->next. 0; 1: there is none now; -1. */
static int read_row(struct sender *s, struct err *e)
{
    struct input_row row;
    struct err why = {0};
    int rc = 0;

    if (s->ngaps == GAPS_MAX)
        return 1;
    rc = input_next(s->s.input, &row, &why);
    if (rc == INPUT_END) {
        s->ended = true;
        return 1;
    }
    if (rc < 0) {
        *e = why;
        return -1;
    }
    if (rc == INPUT_BAD)
        s->s.run->unreadable = ++s->skipped;
    if (s->row < s->start) {
        s->row++;
        return 0;
    }
    if (rc == INPUT_GOOD && (!s->s.wanted || s->s.wanted(s->s.arg, s->row))) {
        s->next = input_task(&row);
        record_parse(s->next, s->s.config); /* for the id; what is wrong, the worker answers */
        put_model(s, s->next);
        return 0;
    }
    note_gap(s);
    if (rc == INPUT_BAD && s->s.unreadable && (!s->s.wanted || s->s.wanted(s->s.arg, s->row)))
        s->s.unreadable(s->s.arg, s->row, input_task(&row), &why);
    s->row++;
    return 0;
}

/* KAFKA_SENT, KAFKA_FULL or -1. */
static int send_next(struct sender *s, struct err *e)
{
    const struct task *t = s->next;
    bool changed = s->record.len > 0 && !s->record.over;
    struct kafka_record r = {.key = t->id,
                             .key_len = strlen(t->id),
                             .value = changed ? s->record.data : t->raw,
                             .value_len = changed ? s->record.len : t->raw_len,
                             .fields = {{RUN_HEADER, s->s.run->id, strlen(s->s.run->id)}},
                             .nfields = 1};
    int rc = 0;

    if (s->s.wanted && !s->s.wanted(s->s.arg, s->row)) { /* answered while it waited for room */
        note_gap(s);
        s->next = task_free(s->next);
        s->row++;
        return KAFKA_SENT;
    }
    if (s->s.reply_to)
        r.fields[r.nfields++] =
            (struct kafka_field){"kafka_replyTopic", s->s.reply_to, strlen(s->s.reply_to)};
    rc = kafka_producer_send(s->producer, &r, e);
    if (rc != KAFKA_SENT)
        return rc;
    s->next = task_free(s->next);
    s->sent++;
    s->row++;
    return KAFKA_SENT;
}

/* A record that the broker refused for good: going on would lose it. */
static int check_refused(const struct sender *s, struct err *e)
{
    const char *why = NULL;

    if (kafka_producer_failed(s->producer, &why) == 0)
        return 0;
    return err_set(e, EX_UNAVAILABLE,
                   "the broker refuses a request record near row %u: %s. Correct the cause (size "
                   "limits, permissions) and run the same command again",
                   s->base.rows + 1, why);
}

int sender_step(struct sender *s, int64_t now_us, struct err *e)
{
    int n = 0;

    kafka_producer_poll(s->producer, 0);
    if (check_refused(s, e) < 0)
        return -1;
    if (s->saved_us == 0)
        s->saved_us = now_us;
    settled_rows(s);
    if (now_us - s->saved_us >= SAVE_EVERY_US && save(s, now_us, e) < 0)
        return -1;
    for (n = 0; n < STEP_RECORDS && !s->ended; n++) {
        int rc = 0;

        if (!s->next && (s->row >= s->s.run->rows || (s->s.limit && s->sent >= s->s.limit))) {
            s->ended = true;
            break;
        }
        rc = s->next ? 0 : read_row(s, e);

        if (rc == 1)
            break;
        if (rc == 0 && s->next)
            rc = send_next(s, e);
        if (rc < 0)
            return -1;
        if (rc == KAFKA_FULL)
            return SENDER_WAIT;
    }
    if (!s->ended)
        return n == STEP_RECORDS ? SENDER_MORE : SENDER_WAIT;
    if (kafka_producer_settled(s->producer) < s->sent)
        return SENDER_SENT;
    return save(s, now_us, e) < 0 ? -1 : SENDER_DONE;
}

void sender_wait(struct sender *s, int64_t timeout_ms)
{
    kafka_producer_poll(s->producer, timeout_ms);
}

int sender_finish(struct sender *s, int64_t timeout_ms, struct err *e)
{
    kafka_producer_flush(s->producer, timeout_ms);
    return save(s, clock_mono_us(), e);
}

void sender_look(const struct sender *s, struct sender_view *ret)
{
    *ret =
        (struct sender_view){.rows = s->row > s->start ? s->row : s->start,
                             .settled = s->base.rows,
                             .sent = s->sent,
                             .under_way = (int64_t)(s->sent - kafka_producer_settled(s->producer)),
                             .held = kafka_producer_held(s->producer),
                             .skipped = s->skipped};
}
