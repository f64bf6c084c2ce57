/*
 * trace: what a task that is traced carries: where it stands in the trace, and the spans that ended so far. The
 * pool and the sinks write their spans into it; when the task leaves memory the whole of it goes to the exporter.
 *
 *     the caller's span
 *       └─ the task, from its receipt to its published reply
 *            ├─ look-up in the cache
 *            ├─ one for each call to a provider
 *            └─ publishing the reply
 *
 * It belongs to whoever has the task. A task that is not traced has none, so that all of this costs a branch.
 */
#ifndef SLUICE_TASK_TRACE_H
#define SLUICE_TASK_TRACE_H

#include <stdatomic.h>

#include "task/span.h"

struct task;
struct trace;

/* Where traces go, and what those who write spans have to know. */
struct trace_sink {
    /* Takes over a trace. Any thread; must not block. */
    void (*put)(struct trace_sink *s, struct trace *t);
    const char *group; /* consumer group; NULL: tasks are rows of a file */
    bool contents;     /* prompts and answers stand in the spans, too */
    /* What tasks under way may take together beyond what each has for its usual spans. A task that needs more when
     * there is no more drops spans; those of its end are always written. */
    size_t grown_max;
    atomic_size_t grown; /* what they take now */
};

#define TRACE_CONTENT_MAX ((size_t)32 * 1024) /* bytes of a prompt or an answer */

/* A look-up in the cache, until it is written. */
struct trace_lookup {
    struct trace_context span;
    int64_t start_us, end_us;
    bool found;
};

struct trace {
    struct trace_sink *sink;
    struct trace_context task; /* the task's span */
    uint8_t caller[SPAN_ID_LEN];
    bool has_caller;
    char *state;        /* tracestate, handed on; or NULL */
    int64_t wall_us;    /* what monotonic time is less than wall time */
    struct buf text;    /* spans, with commas between them */
    size_t mark;        /* where the one that is being written began */
    unsigned count;     /* of whole ones */
    unsigned too_large; /* those that `text` had no room for */
    unsigned crowded;   /* those that the sink had no room for */
    size_t most;        /* bytes of text that a task may have */
    bool ending;        /* its last spans are written */
    size_t grown;       /* bytes of it that are booked with the sink */

    struct trace_lookup lookup; /* the last one */
    bool has_lookup;            /* it is not written yet */

    struct trace_context call; /* the running call, or the last one */
    struct trace_context link; /* a leader's call that this task's answer is from */
    bool has_link;
    int64_t ended_us; /* its outcome was there; 0: not yet */

    struct trace_context publish;
    int64_t publish_us, published_us; /* 0: not yet */
    char *topic;                      /* where the reply went; NULL: to a file */
    int32_t partition;
    int64_t offset; /* -1: not known */
};

/* For a task whose caller's context is this one (NULL: it has none). state: the bytes of a tracestate, or NULL. */
struct trace *trace_new(struct trace_sink *sink, const struct trace_context *caller,
                        const char *state, size_t state_len);
struct trace *trace_free(struct trace *t); /* NULL is fine; returns NULL */

/* Begins a span below the task's with this context; attributes go to what is returned. Then trace_span_end(), which
 * drops it when there is no room for it. error: what it failed of, or NULL. */
struct buf *trace_span(struct trace *t, const struct trace_context *span, enum span_kind kind,
                       const char *name, int64_t start_us, int64_t end_us);
void trace_span_end(struct trace *t, const char *error);

/* It is written with the task's last spans: while a reply waits to be published, numbers take less room than text. */
void trace_looked_up(struct trace *t, const struct trace_lookup *l);

/* All of these: NULL is fine. Times are monotonic. */
void trace_sending(struct trace *t, const char *topic, int64_t now_us); /* at each try */
void trace_sent_to(struct trace *t, int32_t partition, int64_t offset);
void trace_published(struct trace *t, int64_t now_us); /* readers can see it, if it was sent */

/* The task has come to its end: writes the spans that are left and hands its trace over. */
void trace_end(struct task *t);

#endif
