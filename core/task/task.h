/*
 * task: everything about one request, from the record to the reply, in one struct.
 *
 * A source makes it (task_new), fills identity and raw bytes, and submits it to the pool; from then on
 * exactly one container holds it, named by its state, until the sink gets it with a finished reply.
 * Nothing about a request lives beside it: a retry or a reselection changes the task, it never makes
 * another one. task_set_state() is the only function that moves it.
 */
#ifndef SLUICE_TASK_TASK_H
#define SLUICE_TASK_TASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/sha256.h"
#include "task/answer.h"
#include "task/completion.h"
#include "task/parked.h"
#include "task/trace.h"

enum task_state {
    TASK_NEW,     /* with the source that is making it */
    TASK_INBOX,   /* in the inbox list of worker `worker` */
    TASK_RUNNING, /* on the stack of its worker */
    TASK_TWIN,    /* in the twin list of the flight it follows */
    TASK_WAITING, /* in a queue of the admission */
    TASK_DELAYED, /* in the delay heap of its worker */
    TASK_HTTP,    /* attached to a transfer of its worker's HTTP engine */
    TASK_STORING, /* in the store writer's queue */
    TASK_OUTBOX,  /* with the sink */
    TASK_STATES
};

enum operation { OP_CHAT, OP_EMBEDDINGS, OP_RESPONSES };

enum cache_mode {
    CACHE_USE,
    CACHE_REFRESH, /* no lookup, but store and single flight */
    CACHE_OFF,     /* no lookup, no store of completions, no single flight */
};

enum cache_result { CACHE_MISS, CACHE_HIT, CACHE_COALESCED };

/* Where the record came from. For files: topic is the job id, partition 0, offset the line number. */
struct task_origin {
    const char *topic; /* not owned: outlives the task (interned by the source) */
    int32_t partition;
    int64_t offset;
};

#define TASK_HEADERS_MAX 32
#define TASK_PRIORITIES  10 /* 0 to 9, of a request and of its topic */

/* A record header; value may hold any bytes. */
struct task_header {
    char *name;
    char *value; /* NULL: a null value */
    size_t len;
};

/* One call to a provider, as it appears in the reply. */
struct attempt {
    uint16_t route; /* index into config.models */
    int16_t status; /* HTTP status or 0 */
    enum error_class class;
    bool maybe_paid; /* a time-out after the request was sent */
    bool cost_known; /* it gave no good answer, and what it cost is in task.lost_usd */
    int64_t ms;
};

/* How much a route had been called when a call was let go, that one included. */
struct call_mark {
    int64_t us;
    int64_t calls;
    int64_t tokens; /* estimates */
};

#define TASK_MODELS_MAX   8
#define TASK_ATTEMPTS_MAX 64 /* the trail keeps the last 64 */
#define JOURNAL_KEY_MAX   512
#define ID_SCOPE_LEN      16

/* How the task ended, when it did not end with a completion. */
struct task_error {
    char code[64]; /* "deadline_exceeded", "bad_record", ... */
    char message[512];
    int http_status; /* > 0: goes to response.status_code with `body` */
    char *body;      /* {"error":{...}} of the provider, or NULL; owned */
    size_t body_len;
};

struct task {
    struct list_node node;  /* in the container that `state` names */
    struct heap_node timer; /* in its worker's delay heap */
    int timer_kind;         /* what the timer is for: enum timer_kind of pool/worker.h */
    enum task_state state;
    unsigned worker; /* index of the worker that owns it */
    int step;        /* what its worker does next: enum task_step of pool/worker.h */

    /* Made by the source. */
    struct task_origin origin;
    void *source_data; /* the source's own; the pool does not look */
    uint64_t source_u64;
    struct list_node source_node; /* likewise: in a list of the source's */
    const atomic_bool
        *wanted; /* false from any thread: no new call is worth making, the task is given
                                  back. NULL: always wanted. Lives as long as the task */
    atomic_llong
        *excess; /* how many tasks of its part should be parked rather than wait: the pool takes one
                             away for each that it gives back so. NULL: it may not be. Lives as long as the
                             task */
    struct parked *parked;          /* its record is a copy: of which one; owned, or NULL */
    uint8_t id_scope[ID_SCOPE_LEN]; /* digest of the place in which an id names one task */
    bool has_id_scope;              /* else the task is never taken for another one's repetition */
    bool not_journaled; /* the journal has been asked, and holds nothing under the key */
    bool trace_asked;   /* whether it is traced was decided */
    char *raw;          /* the record's value; NULL: a tombstone */
    size_t raw_len;
    char *key; /* the record's key or NULL */
    size_t key_len;
    struct task_header *headers; /* grown by task_header_add(); NULL: none */
    int nheaders;
    uint8_t fingerprint[16]; /* of key, value and headers: which record an outcome answers */
    uint8_t *journal_key;    /* owned; at most JOURNAL_KEY_MAX bytes; NULL: not journaled */
    size_t journal_key_len;
    int64_t received_us; /* monotonic */
    int64_t received_wall_ms;
    int64_t record_ms;  /* the record's own time stamp; -1: unknown */
    int topic_priority; /* of the topic it came from (topics.priority): ahead of all that is less */
    int64_t waited_us;  /* before it was received: a copy counts from its first record on */
    struct trace *trace; /* owned; NULL: it is not traced (trace.h) */

    /* Made by record_parse(). */
    char *id;        /* task_id, never NULL after parsing (falls back to the origin) */
    char *custom_id; /* as given by the caller, or NULL: then the id is echoed */
    enum operation op;
    struct json_object *body; /* the request in OpenAI's form; NULL when the record is bad, when
                                      there is a reply, and in a long wait: see record_reopen() */
    char *models[TASK_MODELS_MAX]; /* names it accepts, in order of preference; owned */
    int nmodels;
    int64_t deadline_wall_ms; /* 0: none of its own */
    enum cache_mode cache;
    int64_t sample;
    int priority;  /* among the requests of its tenant and topic priority */
    char *tenant;  /* or NULL */
    char *session; /* of the record, or else the body's prompt_cache_key; or NULL */
    enum service_tier asked_tier;
    char *metadata; /* JSON text to echo, or NULL */

    /* Progress. */
    uint8_t digest[SHA256_LEN];
    bool has_digest;
    struct flight *flight; /* the single flight that it leads, or NULL */
    struct call *call;     /* its transfer while in TASK_HTTP */
    uint64_t
        refused_routes; /* bit set of routes (config.models index < 64) not to be tried again */
    int attempts_used;  /* calls that count against num_retries (429s do not) */
    struct attempt *trail;
    int ntrail;
    int route;              /* current route, or -1 */
    bool paid_retry;        /* it took one of the retry budget for its next call */
    struct call_mark mark;  /* of its running call */
    bool probe;             /* the running call tries out a route that was cooling */
    bool holds_slot;        /* its call has ended, but counts until the outcome is stored */
    uint64_t usable_routes; /* TASK_WAITING: those that may still serve it */
    int wait_queue;         /* TASK_WAITING: its place in the admission's queues */
    int64_t estimated_tokens, estimated_output; /* of its call; the output is of these tokens */
    int64_t reserved_tokens; /* TASK_WAITING: the estimate; then the reservation held on `route` */
    int64_t reserved_output; /* of these */
    int64_t reserved_us;     /* when that was reserved */
    int account;             /* of its tenant in the budget, 0: none of its own */
    double worst_usd;        /* the most that its call can cost: what is reserved of the budget */
    int money;               /* TASK_WAITING: enum budget_result at the last look */
    bool money_own;          /* TASK_WAITING: its tenant's budget lacks, not that of all */
    int64_t not_before_us;   /* TASK_DELAYED, TASK_WAITING */
    int64_t deadline_us;     /* monotonic; INT64_MAX: none */
    int64_t queued_us;       /* from received to the first call */
    int64_t inference_us;    /* all calls together */
    enum error_class last_class;
    atomic_bool cancelled; /* by pool_cancel(): make no further call, end with an error */

    /* Outcome. */
    enum cache_result cache_result;
    struct completion *completion; /* success */
    struct task_error *error;      /* failure */
    double lost_usd;   /* what calls cost that gave no good answer, as far as it is known */
    bool cost_a_call;  /* its end must be journaled before it is published */
    bool from_journal; /* the reply is the stored one of an earlier life */
    bool unstored;     /* published at a drain although the journal could not be written */
    char *dropped;     /* JSON array text of fields that drop_params dropped, or NULL */
    char *reply;       /* the finished reply record */
    size_t reply_len;
    bool ok;              /* the reply is a success */
    bool bad_record;      /* the reply says that the record could not be read */
    bool silent;          /* no reply is wanted, only that its record is finished */
    bool park;            /* no reply yet: a copy of its record goes to the delay topic */
    bool undeliverable;   /* the reply is an error in place of one that no broker takes */
    bool poison;          /* in flight at too many crashes: not even parsed; its end is an error */
    bool no_dead_letter;  /* its dead letter was refused for good */
    int16_t reply_status; /* HTTP status in the reply, 0: none */
};

/* The record that names the task: its own, or the one that it is a parked copy of. Good as long as the task. */
struct task_origin task_first(const struct task *t);

struct task *task_new(void);
/* Ends its trace, too. NULL is fine; returns NULL. */
struct task *task_free(struct task *t);

/* The one function that changes the state. It asserts that the move is a legal one. The caller has
 * taken the task out of its old container and puts it into the new one. */
void task_set_state(struct task *t, enum task_state to);

/* A failure without HTTP status (deadline, bad record, ...). Replaces an earlier one. */
void task_fail(struct task *t, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A failure that a provider answered with a status and a body; the body is copied. */
void task_fail_http(struct task *t, int status, const char *code, const char *body, size_t len);

/* Success after all: takes over the reference to c and drops an earlier failure. */
void task_succeed(struct task *t, struct completion *c);

/* The reply is made: gives back the request and the answer, which it was made of. They were made on the thread of
 * the worker, which uses their memory for the next task; and thousands of replies may wait for one transaction. */
void task_shed(struct task *t);

void task_trail_add(struct task *t, const struct attempt *a);
const struct task_header *task_header_get(const struct task *t, const char *name);
int task_header_add(struct task *t, const char *name, const void *value, size_t len);

/* Copies the key under which the task's outcome is journaled; len 0: it is not. */
void task_set_journal_key(struct task *t, const uint8_t *key, size_t len);

#endif
