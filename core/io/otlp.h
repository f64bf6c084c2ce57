/*
 * otlp: traces on their way to a collector, as OTLP/HTTP JSON. Finished traces are kept in memory up to a bound; one
 * thread puts them together and posts them. Nothing ever waits for it: what comes when the bound is reached is dropped,
 * what cannot be delivered is tried again a few times and then dropped, and all of it is counted.
 *
 * It does not know how a post is made: that is a function of the caller's.
 */
#ifndef SLUICE_IO_OTLP_H
#define SLUICE_IO_OTLP_H

#include "base/err.h"
#include "task/trace.h"

struct otlp;

struct otlp_answer {
    int status;             /* HTTP; 0: there was none */
    int64_t retry_after_ms; /* how long the collector wants to be left alone; -1: it does not say */
    int64_t rejected;       /* spans that it did not take although it took the rest */
    char why[160];          /* words when status is 0 */
};

enum otlp_drop {
    OTLP_DROP_FULL,        /* the bound was reached */
    OTLP_DROP_TOO_LARGE,   /* more spans, or longer ones, than one task may have */
    OTLP_DROP_REFUSED,     /* the collector said no, and would say so again */
    OTLP_DROP_UNREACHABLE, /* all tries failed */
    OTLP_DROP_SHUTDOWN,    /* the process ended before they could be delivered */
    OTLP_DROPS
};

extern const char *const otlp_drop_names[OTLP_DROPS];

struct otlp_stats {
    uint64_t exported; /* spans */
    uint64_t dropped[OTLP_DROPS];
    uint64_t failures; /* posts that failed, tried again or not */
    int64_t buffered_bytes;
};

struct otlp_setup {
    const char *service_name;
    const char *version;
    const char *group;  /* consumer group, or NULL; outlives it */
    bool contents;      /* of spans, see struct trace_sink */
    size_t max_bytes;   /* of spans of ended tasks, and as much of running ones (grown_max) */
    int64_t flush_ms;   /* how long otlp_stop() may take to deliver what is left */
    int64_t backoff_ms; /* before the second try; doubles with each */
    void *arg;
    /* Posts a body. Exporter thread. Gives up when otlp_is_late(). */
    void (*post)(void *arg, const struct otlp *o, const char *body, size_t n,
                 struct otlp_answer *ret);
};

struct otlp *otlp_new(const struct otlp_setup *setup, struct err *e); /* starts the thread */

/* Delivers what is left, at most for flush_ms, and ends the thread. No trace may be ended any more. */
void otlp_stop(struct otlp *o);
struct otlp *otlp_free(struct otlp *o); /* after otlp_stop(); NULL is fine; returns NULL */

struct trace_sink *otlp_sink(struct otlp *o);
void otlp_stats(struct otlp *o, struct otlp_stats *ret); /* any thread; o NULL: all zero */
bool otlp_is_late(const struct otlp *o); /* it is being stopped, and its time is over */

#endif
