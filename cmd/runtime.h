/*
 * runtime: a worker put together: slot, store, pool, intake and publisher, from start to drain. `worker`
 * and `dev` differ in what they put around it.
 */
#ifndef SLUICE_CMD_RUNTIME_H
#define SLUICE_CMD_RUNTIME_H

#include "base/err.h"
#include "cmd/admin/watch.h"
#include "cmd/health.h"
#include "cmd/notify.h"
#include "cmd/traces.h"
#include "io/budget_file.h"
#include "io/kafka/kafka.h"
#include "io/store.h"
#include "pool/pool.h"
#include "task/config.h"

struct runtime {
    const struct config *config;
    struct kafka_fatal fatal;
    struct slot slot;
    bool has_slot;
    struct store *store;
    struct crash_log *crash_log; /* or NULL */
    struct budget_file spent;    /* of the day; book NULL: not kept */
    bool broke;                  /* the budget is used up */
    bool refused;                /* every model is off */
    struct pool *pool;
    struct kafka_intake *intake;
    struct kafka_publisher *publisher;
    int signal_fd; /* not owned */
    bool exact;
    struct health health;
    struct watch *watch;   /* or NULL; not owned */
    struct notify *notify; /* or NULL; not owned */
    struct traces *traces; /* or NULL; not owned */
    bool hangs;            /* the intake */
    int64_t flush_ms;
    int64_t said_us;
    uint64_t said_finished;
    char instance[80];
    char transactional_id[288];
};

struct runtime_setup {
    const struct config *config; /* resolved; outlives the runtime */
    const char *store_root;      /* directory that holds the slots */
    bool embedded;               /* the broker is a mock cluster */
    size_t map_max;              /* longest commit metadata that it takes; 0: Kafka's default */
    int signal_fd;               /* of signals_open() */
    struct health health;        /* of health_open(); all zero: nothing is shown */
    struct watch *watch;         /* of watch_open(), or NULL; outlives the runtime */
    struct notify *notify;       /* of notify_open(), likewise */
    struct traces *traces;       /* of traces_open(), likewise */
};

/* Sets a property for both clients, over what the configuration says. */
void runtime_property(struct config *c, const char *name, const char *value);

/* Starts all threads. -1: nothing is left behind. */
int runtime_start(struct runtime *r, const struct runtime_setup *setup, struct err *e);

/*
 * Runs until a signal, POST /drain or a fatal error, then drains: no more reading, running calls go on for at most
 * pool.drain_timeout, what is finished is published and committed. Returns the exit code: 0 after a
 * drain, what e says after a fatal error. A second signal ends the process at once with 128 + number, a
 * shutdown that hangs for a minute with EX_TEMPFAIL, after a fatal error with EX_UNAVAILABLE.
 */
int runtime_run(struct runtime *r, struct err *e);

#endif
