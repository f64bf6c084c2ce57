/*
 * sender: puts the rows of an input on the request topic, in order, a bounded number of bytes ahead of the
 * acknowledgements, and keeps the run's manifest up to date. It runs in steps on the thread of its owner.
 *
 * The manifest says how many leading rows are acknowledged; a run that was killed goes on from there. What was
 * sent behind that place and acknowledged meanwhile is sent again: at most a second's worth. The readers of
 * the replies drop repeats by custom_id.
 */
#ifndef SLUICE_CMD_JOBS_SENDER_H
#define SLUICE_CMD_JOBS_SENDER_H

#include "cmd/batch/input.h"
#include "cmd/jobs/run.h"
#include "io/kafka/kafka.h"
#include "task/task.h"

struct sender;

struct sender_setup {
    const struct config *config;
    struct input *input; /* rewound; not owned */
    struct run *run; /* run->sent leading rows are passed over; the first run->rows belong to it */
    const char *manifest;
    const char *model;    /* for records that name none, or NULL */
    const char *reply_to; /* topic for kafka_replyTopic, or NULL */
    uint64_t limit;       /* records at most; 0: all */
    struct kafka_fatal *fatal;
    void *arg; /* for the two below, which may be NULL */
    /* Need this row be sent? */
    bool (*wanted)(void *arg, uint32_t row);
    /* A row that cannot be read (its text is cut or could not be made); e says why. */
    void (*unreadable)(void *arg, uint32_t row, struct task *t, const struct err *e);
};

enum sender_result {
    SENDER_MORE = 0, /* there is more to send now */
    SENDER_WAIT = 1, /* the bound is reached: call again after acknowledgements */
    SENDER_SENT = 2, /* everything is sent, not all is acknowledged */
    SENDER_DONE = 3, /* everything is acknowledged and the manifest says so */
};

struct sender *sender_new(const struct sender_setup *setup, int64_t timeout_ms, struct err *e);
/* Sends some records and saves the manifest when it is time. One of enum sender_result, or -1. */
int sender_step(struct sender *s, int64_t now_us, struct err *e);
void sender_wait(struct sender *s, int64_t timeout_ms); /* for acknowledgements */
/* The way out, also after a signal: waits for what is under way and saves the manifest. */
int sender_finish(struct sender *s, int64_t timeout_ms, struct err *e);
struct sender *sender_free(struct sender *s);

struct sender_view {
    uint32_t rows;     /* sent (by earlier runs too), skipped or not wanted */
    uint32_t settled;  /* leading rows acknowledged or not to be sent */
    uint64_t sent;     /* records in this run of the command */
    int64_t under_way; /* records not acknowledged yet */
    bool held;         /* the embedded broker is full: no worker reads */
    uint32_t skipped;  /* unreadable rows */
};

void sender_look(const struct sender *s, struct sender_view *ret);

#endif
