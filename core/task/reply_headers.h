/*
 * reply_headers: where a reply goes and which headers travel with it (request/reply of Spring and
 * Nest, W3C trace context, CloudEvents). Pure; the publisher applies it.
 */
#ifndef SLUICE_TASK_REPLY_HEADERS_H
#define SLUICE_TASK_REPLY_HEADERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/digits.h"
#include "base/traceparent.h"
#include "task/config.h"
#include "task/task.h"

#define REPLY_HEADERS_MAX 32
#define REPLY_TOPIC_MAX   250 /* 249 characters, as Kafka allows, and the NUL */

struct reply_header {
    const char *name;
    const void *value; /* NULL: a null value */
    size_t len;
};

struct reply_headers {
    struct reply_header at[REPLY_HEADERS_MAX];
    int count;
    /* of values that stand nowhere else */
    char attempts[DIGITS_ROOM];
    char partition[DIGITS_ROOM];
    char offset[DIGITS_ROOM];
    char traceparent[TRACEPARENT_LEN + 1];
};

/*
 * The headers of the task's reply. They point into the task and into *ret: good as long as both stay where and
 * as they are. Echoes kafka_correlationId byte for byte and
 * sluice-run, and traceparent and tracestate unless the task is traced: then they name the span in which
 * the reply is published. A request that was a CloudEvent gets the headers of one.
 */
void reply_headers(const struct task *t, struct reply_headers *ret);

enum reply_topic_result {
    REPLY_TOPIC_OK = 0,
    REPLY_TOPIC_REFUSED =
        1, /* kafka_replyTopic names a topic that is not allowed; out is the default */
};

/* The topic of the reply: the one of kafka_replyTopic when topics.reply_allow has it, else
 * topics.replies. ret_partition is -1 unless kafka_replyPartition names one of that topic. */
int reply_topic(const struct task *t, const struct config *c, char *out, size_t cap,
                int32_t *ret_partition);

#endif
