/* task: life cycle and state moves of a task. No I/O, no decisions. */
#include "task/task.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Bit i of moves[s] is set when a task may go from state s to state i. */
#define MOVE(to) (1U << (to))
static const unsigned moves[TASK_STATES] = {
    [TASK_NEW] = MOVE(TASK_INBOX) | MOVE(TASK_OUTBOX),
    [TASK_INBOX] = MOVE(TASK_RUNNING),
    [TASK_RUNNING] = MOVE(TASK_TWIN) | MOVE(TASK_WAITING) | MOVE(TASK_DELAYED) | MOVE(TASK_HTTP) |
                     MOVE(TASK_STORING) | MOVE(TASK_OUTBOX),
    [TASK_TWIN] = MOVE(TASK_RUNNING) | MOVE(TASK_INBOX),
    [TASK_WAITING] = MOVE(TASK_RUNNING) | MOVE(TASK_INBOX),
    [TASK_DELAYED] = MOVE(TASK_RUNNING),
    [TASK_HTTP] = MOVE(TASK_RUNNING),
    [TASK_STORING] = MOVE(TASK_INBOX) | MOVE(TASK_RUNNING) | MOVE(TASK_OUTBOX),
    [TASK_OUTBOX] = 0,
};

struct task_origin task_first(const struct task *t)
{
    const struct parked *p = t->parked;

    return p ? (struct task_origin){p->topic, p->partition, p->offset} : t->origin;
}

struct task *task_new(void)
{
    struct task *t = mem_alloc(sizeof *t);

    t->route = -1;
    t->deadline_us = INT64_MAX;
    t->record_ms = -1;
    t->state = TASK_NEW;
    return t;
}

static void error_free(struct task_error *e)
{
    if (!e)
        return;
    free(e->body);
    free(e);
}

struct task *task_free(struct task *t)
{
    int i = 0;

    if (!t)
        return NULL;
    trace_end(t);
    for (i = 0; i < t->nheaders; i++) {
        free(t->headers[i].name);
        free(t->headers[i].value);
    }
    free(t->headers);
    free(t->journal_key);
    free(t->parked);
    for (i = 0; i < t->nmodels; i++)
        free(t->models[i]);
    free(t->raw);
    free(t->key);
    free(t->id);
    free(t->custom_id);
    free(t->tenant);
    free(t->session);
    free(t->metadata);
    free(t->trail);
    free(t->dropped);
    free(t->reply);
    error_free(t->error);
    completion_unref(t->completion);
    json_object_put(t->body);
    free(t);
    return NULL;
}

void task_set_state(struct task *t, enum task_state to)
{
    assert(moves[t->state] & MOVE(to));
    t->state = to;
}

void task_fail(struct task *t, const char *code, const char *fmt, ...)
{
    va_list ap;

    error_free(t->error);
    t->error = mem_alloc(sizeof *t->error);
    snprintf(t->error->code, sizeof t->error->code, "%s", code);
    va_start(ap, fmt);
    vsnprintf(t->error->message, sizeof t->error->message, fmt, ap);
    va_end(ap);
}

void task_fail_http(struct task *t, int status, const char *code, const char *body, size_t len)
{
    task_fail(t, code, "the provider answered %d", status);
    t->error->http_status = status;
    t->error->body = mem_dup(body, len);
    t->error->body_len = len;
}

void task_succeed(struct task *t, struct completion *c)
{
    error_free(t->error);
    t->error = NULL;
    completion_unref(t->completion);
    t->completion = c;
}

void task_shed(struct task *t)
{
    json_object_put(t->body);
    t->body = NULL;
    if (t->completion)
        completion_shed(t->completion);
}

/* Arrays here have room for the next power of two: is it used up? */
static bool is_full(int count)
{
    return (count & (count - 1)) == 0;
}

static size_t next_room(int count)
{
    return count ? (size_t)count * 2 : 1;
}

void task_trail_add(struct task *t, const struct attempt *a)
{
    if (t->ntrail == TASK_ATTEMPTS_MAX) {
        memmove(t->trail, t->trail + 1, sizeof *t->trail * (TASK_ATTEMPTS_MAX - 1));
        t->ntrail--;
    }
    if (is_full(t->ntrail))
        t->trail = mem_grow(t->trail, next_room(t->ntrail), sizeof *t->trail);
    t->trail[t->ntrail++] = *a;
}

const struct task_header *task_header_get(const struct task *t, const char *name)
{
    int i = 0;

    for (i = 0; i < t->nheaders; i++) {
        if (strcmp(t->headers[i].name, name) == 0)
            return &t->headers[i];
    }
    return NULL;
}

int task_header_add(struct task *t, const char *name, const void *value, size_t len)
{
    if (t->nheaders == TASK_HEADERS_MAX)
        return -1;
    if (is_full(t->nheaders))
        t->headers = mem_grow(t->headers, next_room(t->nheaders), sizeof *t->headers);
    t->headers[t->nheaders++] = (struct task_header){mem_strdup(name), mem_dup(value, len), len};
    return 0;
}

void task_set_journal_key(struct task *t, const uint8_t *key, size_t len)
{
    assert(len <= JOURNAL_KEY_MAX);
    free(t->journal_key);
    t->journal_key = len ? mem_dup(key, len) : NULL;
    t->journal_key_len = len;
}
