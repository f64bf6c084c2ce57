/*
 * refusal: which errors of a record last for ever, and the end of what they hit. A reply that can never be
 * delivered becomes a small error reply, a dead letter that cannot is given up, and neither stands in the
 * way of others.
 */
#include "io/kafka/refusal.h"

#include <string.h>

#include "base/log.h"

bool refusal_is_topic(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

/* Errors after which the same record would be refused again. */
static bool is_permanent(rd_kafka_resp_err_t err)
{
    if (refusal_is_topic(err))
        return true;
    switch (err) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return true;
    default:
        return false;
    }
}

enum refusal refusal_of(const struct parcel *p, const struct parcel_record *r,
                        rd_kafka_resp_err_t err)
{
    if (!is_permanent(err))
        return REFUSAL_PASSES;
    if (p->task->park)
        return REFUSAL_PARKING;
    if (refusal_is_topic(err) && parcel_topic_is_ours(p, r))
        return REFUSAL_PASSES;
    if (r == &p->dead_letter)
        return REFUSAL_DEAD_LETTER;
    return p->task->undeliverable ? REFUSAL_PASSES : REFUSAL_REPLY;
}

enum refusal refusal_accept(struct parcel *p, struct parcel_record *r, rd_kafka_resp_err_t err,
                            int64_t now_wall_ms)
{
    const struct task *t = p->task;
    enum refusal refusal = refusal_of(p, r, err);

    if (refusal == REFUSAL_REPLY) {
        log_error("reply cannot be delivered, an error reply takes its place",
                  "error=%s topic=%s partition=%d offset=%lld bytes=%zu", rd_kafka_err2name(err),
                  t->origin.topic, (int)t->origin.partition, (long long)t->origin.offset,
                  t->reply_len);
        parcel_give_up(p, rd_kafka_err2str(err), now_wall_ms);
    } else if (refusal == REFUSAL_DEAD_LETTER) {
        log_error("dead letter refused, only the error reply is published",
                  "error=%s topic=%s partition=%d offset=%lld", rd_kafka_err2name(err),
                  t->origin.topic, (int)t->origin.partition, (long long)t->origin.offset);
        parcel_drop_dead_letter(p);
    }
    return refusal;
}
