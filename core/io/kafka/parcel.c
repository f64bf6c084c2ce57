/*
 * parcel: turns one finished task into Kafka records: topic, partition, key, headers, and for a record
 * that could not be read or answered the dead letter with the original bytes, headers and key and the
 * headers that Kafka Connect's and Spring's tools read. It decides nothing about retries.
 */
#include "io/kafka/parcel.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/kafka/part.h"
#include "task/record.h"
#include "task/reply.h"

bool parcel_wants_dead_letter(const struct task *t, const struct config *c)
{
    if (!c->topics.dead_letter || !*c->topics.dead_letter || t->no_dead_letter || t->silent ||
        t->park)
        return false;
    return t->bad_record || t->undeliverable || t->poison;
}

static void to_default_topic(struct parcel *p)
{
    snprintf(p->topic, sizeof p->topic, "%s", p->config->topics.replies);
    p->partition = RD_KAFKA_PARTITION_UA;
}

struct parcel *parcel_new(struct task *t, const struct config *c)
{
    struct parcel *p = mem_alloc(sizeof *p);

    p->task = t;
    p->config = c;
    p->reply = (struct parcel_record){.parcel = p, .wanted = !t->silent};
    p->dead_letter = (struct parcel_record){.parcel = p, .wanted = parcel_wants_dead_letter(t, c)};
    p->window_partition = -1;
    if (t->park) {
        snprintf(p->topic, sizeof p->topic, "%s", c->topics.delay);
        p->partition = RD_KAFKA_PARTITION_UA;
    }
    if (t->silent || t->park)
        return p;
    if (!t->id && !t->poison) /* answered from the journal before it was parsed */
        record_parse(t, c);
    if (t->undeliverable)
        to_default_topic(p);
    else
        reply_topic(t, c, p->topic, sizeof p->topic, &p->partition);
    return p;
}

struct parcel *parcel_free(struct parcel *p)
{
    free(p);
    return NULL;
}

bool parcel_done(const struct parcel *p)
{
    return (!p->reply.wanted || p->reply.delivered) &&
           (!p->dead_letter.wanted || p->dead_letter.delivered);
}

bool parcel_flying(const struct parcel *p)
{
    return p->reply.flying || p->dead_letter.flying;
}

static void add_text(rd_kafka_headers_t *hs, const char *name, const char *value)
{
    rd_kafka_header_add(hs, name, -1, value, (ssize_t)strlen(value));
}

static void add_int(rd_kafka_headers_t *hs, const char *name, int64_t value)
{
    char text[DIGITS_ROOM];

    add_text(hs, name, digits_of(value, text));
}

static rd_kafka_headers_t *headers_of(const struct task *t)
{
    rd_kafka_headers_t *hs = rd_kafka_headers_new(REPLY_HEADERS_MAX);
    struct reply_headers own;

    reply_headers(t, &own);
    for (int i = 0; i < own.count; i++)
        rd_kafka_header_add(hs, own.at[i].name, -1, own.at[i].value,
                            own.at[i].value ? (ssize_t)own.at[i].len : 0);
    return hs;
}

/* The client takes over the headers only when it takes the message. */
static rd_kafka_resp_err_t sent(struct parcel_record *r, rd_kafka_headers_t *hs,
                                rd_kafka_resp_err_t err)
{
    if (err)
        rd_kafka_headers_destroy(hs);
    else
        r->flying = true;
    return err;
}

/* What the copy has to say of the record that it is made of. */
static void parked_of(const struct task *t, struct parked *ret)
{
    const struct kafka_part *part = t->source_data;

    if (t->parked)
        *ret = *t->parked;
    else
        *ret = (struct parked){.partition = t->origin.partition,
                               .offset = t->origin.offset,
                               .received_ms = t->received_wall_ms,
                               .record_ms = t->record_ms};
    if (!t->parked)
        snprintf(ret->topic, sizeof ret->topic, "%s", t->origin.topic);
    memcpy(ret->owner, part->owner, sizeof ret->owner);
    ret->times += ret->times < PARKED_TIMES_MAX;
    ret->attempts = t->attempts_used;
}

/* A copy of the record itself. A header of that name on a request is not ours, and goes. */
static rd_kafka_resp_err_t send_copy(struct parcel *p, rd_kafka_t *rk)
{
    struct task *t = p->task;
    rd_kafka_headers_t *hs = rd_kafka_headers_new((size_t)t->nheaders + 1);
    struct parked parked;
    char text[PARKED_TEXT_MAX];

    for (int i = 0; i < t->nheaders; i++)
        if (strcmp(t->headers[i].name, PARKED_HEADER) != 0)
            rd_kafka_header_add(hs, t->headers[i].name, -1, t->headers[i].value,
                                t->headers[i].value ? (ssize_t)t->headers[i].len : 0);
    parked_of(t, &parked);
    parked_format(&parked, text, sizeof text);
    add_text(hs, PARKED_HEADER, text);
    return sent(&p->reply, hs,
                rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(p->topic), RD_KAFKA_V_MSGFLAGS(0),
                                  RD_KAFKA_V_KEY(t->key, t->key_len),
                                  RD_KAFKA_V_VALUE(t->raw, t->raw_len), RD_KAFKA_V_HEADERS(hs),
                                  RD_KAFKA_V_OPAQUE(&p->reply), RD_KAFKA_V_END));
}

rd_kafka_resp_err_t parcel_send_reply(struct parcel *p, rd_kafka_t *rk, int32_t partition)
{
    struct task *t = p->task;
    rd_kafka_headers_t *hs;
    const char *key = t->id ? t->id : t->key;
    size_t key_len = t->id ? strlen(t->id) : t->key_len;

    if (t->trace)
        trace_sending(t->trace, p->topic, clock_mono_us());
    if (t->park)
        return send_copy(p, rk);
    hs = headers_of(t);
    if (p->partition != RD_KAFKA_PARTITION_UA)
        partition = p->partition;
    return sent(&p->reply, hs,
                rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(p->topic), RD_KAFKA_V_PARTITION(partition),
                                  RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_KEY(key, key_len),
                                  RD_KAFKA_V_VALUE(t->reply, t->reply_len), RD_KAFKA_V_HEADERS(hs),
                                  RD_KAFKA_V_OPAQUE(&p->reply), RD_KAFKA_V_END));
}

/* Kafka Connect's names; values are strings. */
static void connect_headers(rd_kafka_headers_t *hs, const struct task *t, const char *code,
                            const char *message, const char *trace)
{
    struct task_origin first = task_first(t);

    add_text(hs, "__connect.errors.topic", first.topic);
    add_int(hs, "__connect.errors.partition", first.partition);
    add_int(hs, "__connect.errors.offset", first.offset);
    add_text(hs, "__connect.errors.connector.name", "sluice");
    add_text(hs, "__connect.errors.task.id", "0");
    add_text(hs, "__connect.errors.stage", t->bad_record ? "VALUE_CONVERTER" : "TASK_PUT");
    add_text(hs, "__connect.errors.class.name", "sluice");
    add_text(hs, "__connect.errors.exception.class.name", code);
    add_text(hs, "__connect.errors.exception.message", message);
    add_text(hs, "__connect.errors.exception.stacktrace", trace);
}

/* Spring's names; numbers are big-endian integers as Java writes them. Where Java has classes of
 * exceptions we have codes, and there is never one behind another. */
static void spring_headers(rd_kafka_headers_t *hs, const struct task *t, const char *code,
                           const char *message, const char *trace)
{
    struct task_origin first = task_first(t);
    uint32_t partition = htobe32((uint32_t)first.partition);
    uint64_t offset = htobe64((uint64_t)first.offset);
    uint64_t stamp = htobe64((uint64_t)t->record_ms);

    add_text(hs, "kafka_dlt-original-topic", first.topic);
    rd_kafka_header_add(hs, "kafka_dlt-original-partition", -1, &partition, sizeof partition);
    rd_kafka_header_add(hs, "kafka_dlt-original-offset", -1, &offset, sizeof offset);
    rd_kafka_header_add(hs, "kafka_dlt-original-timestamp", -1, &stamp, sizeof stamp);
    add_text(hs, "kafka_dlt-original-timestamp-type",
             t->record_ms < 0 ? "NoTimestampType" : "CreateTime");
    add_text(hs, "kafka_dlt-exception-fqcn", code);
    add_text(hs, "kafka_dlt-exception-cause-fqcn", code);
    add_text(hs, "kafka_dlt-exception-message", message);
    add_text(hs, "kafka_dlt-exception-stacktrace", trace);
}

void parcel_delivered(struct parcel_record *r, const rd_kafka_message_t *m)
{
    r->flying = false;
    r->delivered = !m->err;
    if (r->delivered && r == &r->parcel->reply)
        trace_sent_to(r->parcel->task->trace, m->partition, m->offset);
}

rd_kafka_resp_err_t parcel_send_dead_letter(struct parcel *p, rd_kafka_t *rk, const char *group)
{
    struct task *t = p->task;
    rd_kafka_headers_t *hs = rd_kafka_headers_new(48);
    const char *code = t->error ? t->error->code : "bad_record";
    const char *message = t->error ? t->error->message : "the record could not be read";
    char trace[sizeof t->error->code + sizeof t->error->message + 2];

    snprintf(trace, sizeof trace, "%s: %s", code, message);
    for (int i = 0; i < t->nheaders; i++)
        rd_kafka_header_add(hs, t->headers[i].name, -1, t->headers[i].value,
                            t->headers[i].value ? (ssize_t)t->headers[i].len : 0);
    connect_headers(hs, t, code, message, trace);
    spring_headers(hs, t, code, message, trace);
    add_text(hs, "kafka_dlt-original-consumer-group", group);
    return sent(&p->dead_letter, hs,
                rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(p->config->topics.dead_letter),
                                  RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_KEY(t->key, t->key_len),
                                  RD_KAFKA_V_VALUE(t->raw, t->raw_len), RD_KAFKA_V_HEADERS(hs),
                                  RD_KAFKA_V_OPAQUE(&p->dead_letter), RD_KAFKA_V_END));
}

void parcel_give_up(struct parcel *p, const char *why, int64_t now_wall_ms)
{
    struct task *t = p->task;

    t->completion = completion_unref(t->completion);
    task_fail(t, "reply_undeliverable", "the broker refuses the reply (%zu bytes) for topic %s: %s",
              t->reply_len, p->topic, why);
    free(STEAL(t->reply));
    reply_format(t, p->config, now_wall_ms);
    t->undeliverable = true;
    to_default_topic(p);
    p->dead_letter.wanted = parcel_wants_dead_letter(t, p->config);
}

void parcel_drop_dead_letter(struct parcel *p)
{
    p->task->no_dead_letter = true;
    p->dead_letter.wanted = false;
}

const char *parcel_topic(const struct parcel *p, const struct parcel_record *r)
{
    return r == &p->reply ? p->topic : p->config->topics.dead_letter;
}

bool parcel_topic_is_ours(const struct parcel *p, const struct parcel_record *r)
{
    return r == &p->dead_letter ||
           (!p->task->park && strcmp(p->topic, p->config->topics.replies) == 0);
}
