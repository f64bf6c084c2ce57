/* letter: see letter.h. Where a header stands several times, as in a record that died twice, the last counts. */
#include "cmd/dlq/letter.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/jobs/run.h"

#define CONNECT  "__connect.errors."
#define TEXT_MAX 2000 /* of what a header says that is only shown */

/* What the headers of one writer say. */
struct origin {
    size_t at; /* place of the header with the topic, plus 1; 0: there is none */
    struct letter_text topic, code, message, group;
    int64_t partition, offset;
    bool ours;
};

static int64_t number(const struct kafka_field *f)
{
    uint32_t four = 0;
    uint64_t eight = 0;
    char text[24] = "";
    int64_t n = -1;

    /* Java writes integers in big-endian bytes, Connect in digits. */
    if (f->len == sizeof four && !memchr(f->value, '\0', f->len))
        memcpy(text, f->value, f->len);
    else if (f->len == sizeof four)
        return memcpy(&four, f->value, sizeof four), (int64_t)(int32_t)be32toh(four);
    else if (f->len == sizeof eight && memchr(f->value, '\0', f->len))
        return memcpy(&eight, f->value, sizeof eight), (int64_t)be64toh(eight);
    else if (f->value && f->len < sizeof text)
        memcpy(text, f->value, f->len);
    return config_int(text, &n) < 0 || n < 0 ? -1 : n;
}

static struct letter_text text_of(const struct kafka_field *f)
{
    return (struct letter_text){f->value, f->value ? f->len : 0};
}

/* The name behind the prefix, or NULL. */
static const char *behind(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

/* Spring's DeadLetterPublishingRecoverer writes kafka_dlt-, its retry topics kafka_. */
static const char *spring_name(const char *name)
{
    const char *rest = behind(name, "kafka_dlt-");

    if (!rest)
        rest = behind(name, "kafka_");
    if (rest && (behind(rest, "original-") || behind(rest, "exception-") ||
                 behind(rest, "key-exception-") || behind(rest, "value-exception-")))
        return rest;
    return NULL;
}

static void read_connect(struct origin *o, const char *name, const struct kafka_field *f, size_t at)
{
    struct letter_text t = text_of(f);

    if (strcmp(name, "topic") == 0)
        o->topic = t, o->at = at;
    else if (strcmp(name, "partition") == 0)
        o->partition = number(f);
    else if (strcmp(name, "offset") == 0)
        o->offset = number(f);
    else if (strcmp(name, "connector.name") == 0)
        o->ours = t.len == strlen("sluice") && memcmp(t.at, "sluice", t.len) == 0;
    else if (strcmp(name, "exception.class.name") == 0)
        o->code = t;
    else if (strcmp(name, "exception.message") == 0)
        o->message = t;
}

static void read_spring(struct origin *o, const char *name, const struct kafka_field *f, size_t at)
{
    if (strcmp(name, "original-topic") == 0)
        o->topic = text_of(f), o->at = at;
    else if (strcmp(name, "original-partition") == 0)
        o->partition = number(f);
    else if (strcmp(name, "original-offset") == 0)
        o->offset = number(f);
    else if (strcmp(name, "original-consumer-group") == 0)
        o->group = text_of(f);
    else if (strcmp(name, "exception-fqcn") == 0)
        o->code = text_of(f);
    else if (strcmp(name, "exception-message") == 0)
        o->message = text_of(f);
}

static bool good_topic(struct letter_text t)
{
    size_t i = 0;

    for (i = 0; i < t.len; i++)
        if (!memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", t.at[i],
                    26 + 26 + 10 + 3))
            return false;
    return t.len > 0 && t.len <= LETTER_TOPIC_MAX;
}

/* Who died last? We write both sets, Connect's first. */
static bool spring_wrote_it(const struct origin *connect, const struct origin *spring)
{
    bool same = connect->topic.len == spring->topic.len && connect->topic.len > 0 &&
                memcmp(connect->topic.at, spring->topic.at, spring->topic.len) == 0 &&
                connect->offset == spring->offset;

    return spring->at > connect->at && !(connect->ours && same);
}

int letter_read(const struct kafka_record *r, struct letter *ret)
{
    struct origin connect = {.partition = -1, .offset = -1};
    struct origin spring = {.partition = -1, .offset = -1};
    const struct origin *o = &connect;
    size_t i = 0;

    *ret = (struct letter){.record = r};
    for (i = 0; i < r->nfields; i++) {
        const struct kafka_field *f = &r->fields[i];
        const char *name = behind(f->name, CONNECT);

        if (name)
            read_connect(&connect, name, f, i + 1);
        else if ((name = spring_name(f->name)))
            read_spring(&spring, name, f, i + 1);
        else if (strcmp(f->name, LETTER_COUNT_HEADER) == 0)
            ret->replays = number(f) > 0 ? number(f) : 0;
    }
    if (spring_wrote_it(&connect, &spring))
        o = &spring;
    if (!o->at || !good_topic(o->topic))
        return LETTER_FOREIGN;
    ret->writer = o == &spring ? LETTER_SPRING : connect.ours ? LETTER_SLUICE : LETTER_CONNECT;
    memcpy(ret->topic, o->topic.at, o->topic.len);
    ret->partition = o->partition;
    ret->offset = o->offset;
    ret->code = o->code;
    ret->message = o->message;
    ret->group = ret->writer == LETTER_CONNECT ? (struct letter_text){0} : spring.group;
    return LETTER_GOOD;
}

static const char *id_of(struct json_object *value)
{
    const char *id = json_get_str(value, "custom_id");

    return id ? id : json_get_str(value, "task_id");
}

void letter_id(const struct letter *l, struct buf *out)
{
    const struct kafka_record *r = l->record;
    CLEANUP_JSON struct json_object *value = NULL;
    const char *id = NULL;

    if (r->value && json_parse_answer(r->value, r->value_len, &value) == 0)
        id = id_of(value);
    buf_clear(out);
    if (id && *id)
        buf_str(out, id);
    else if (r->key && r->key_len && !memchr(r->key, '\0', r->key_len))
        buf_append(out, r->key, r->key_len);
    else
        buf_printf(out, "%s-%" PRId64 "-%" PRId64, l->topic, l->partition, l->offset);
}

void letter_add_text(struct buf *out, const char *at, size_t len)
{
    CLEANUP_FREE char *copy = mem_dup(at, len);
    size_t i = 0;

    while (i < len) {
        unsigned char c = (unsigned char)copy[i];
        int n = c < 0x80 ? 1 : utf8_len(copy + i, len - i);

        if (n == 0)
            copy[i] = '?';
        i += n ? (size_t)n : 1;
    }
    buf_json_str(out, copy ? copy : "", len);
}

static void add_member(struct buf *out, const char *name, struct letter_text t)
{
    size_t len = t.len;

    buf_printf(out, ",\"%s\":", name);
    if (!t.at) {
        buf_str(out, "null");
        return;
    }
    if (len > TEXT_MAX) {
        len = TEXT_MAX;
        while (len > 0 && ((unsigned char)t.at[len] & 0xc0) == 0x80)
            len--;
    }
    letter_add_text(out, t.at, len);
}

static void add_time(struct buf *out, int64_t wall_ms)
{
    char text[40];

    if (wall_ms < 0) {
        buf_str(out, ",\"time\":null");
        return;
    }
    clock_format_rfc3339(wall_ms, text, sizeof text);
    buf_printf(out, ",\"time\":\"%s\"", text);
}

void letter_format(const struct letter *l, const char *dead_topic, const char *id, const char *to,
                   struct buf *out)
{
    static const char *const writers[] = {"sluice", "connect", "spring"};
    const struct kafka_record *r = l->record;

    buf_clear(out);
    buf_printf(out,
               "{\"dead_letter\":{\"topic\":\"%s\",\"partition\":%d,\"offset\":%" PRId64
               "},\"source\":{\"topic\":\"%s\",\"partition\":%" PRId64 ",\"offset\":%" PRId64 "}",
               dead_topic, (int)r->partition, r->offset, l->topic, l->partition, l->offset);
    add_member(out, "task_id", (struct letter_text){id, strlen(id)});
    add_member(out, "key", (struct letter_text){r->key, r->key_len});
    add_member(out, "code", l->code);
    add_member(out, "message", l->message);
    add_member(out, "group", l->group);
    add_time(out, r->timestamp_ms);
    buf_printf(out, ",\"bytes\":%zu,\"replays\":%" PRId64 ",\"writer\":\"%s\"", r->value_len,
               l->replays, writers[l->writer]);
    if (to)
        add_member(out, "to", (struct letter_text){to, strlen(to)});
    buf_char(out, '}');
}

static bool belongs_to_death(const char *name)
{
    return behind(name, CONNECT) || spring_name(name) || behind(name, "retry_topic-") ||
           strcmp(name, LETTER_FROM_HEADER) == 0 || strcmp(name, LETTER_COUNT_HEADER) == 0;
}

static void add_field(struct kafka_record *r, const char *name, const char *value)
{
    if (r->nfields < ARRAY_LEN(r->fields))
        r->fields[r->nfields++] = (struct kafka_field){name, value, strlen(value)};
}

void letter_restore(const struct letter *l, const char *dead_topic, const char *run,
                    struct letter_own *own, struct kafka_record *ret)
{
    const struct kafka_record *r = l->record;
    size_t i = 0;

    snprintf(own->from, sizeof own->from, "%s/%d/%" PRId64, dead_topic, (int)r->partition,
             r->offset);
    snprintf(own->count, sizeof own->count, "%" PRId64, l->replays + 1);
    *ret = *r;
    ret->nfields = 0;
    for (i = 0; i < r->nfields; i++)
        if (!belongs_to_death(r->fields[i].name) &&
            !(run && !strcmp(r->fields[i].name, RUN_HEADER)))
            ret->fields[ret->nfields++] = r->fields[i];
    if (run)
        add_field(ret, RUN_HEADER, run);
    add_field(ret, LETTER_FROM_HEADER, own->from);
    add_field(ret, LETTER_COUNT_HEADER, own->count);
}
