/*
 * group: is the consumer joining its group just now? Private to io/kafka; any thread may ask.
 *
 * A commit that is sent between JoinGroup and its answer reaches the broker with the old generation, and
 * librdkafka before 2.10 takes the refusal as the loss of the whole assignment. No call of the library
 * tells of a join, so an interceptor looks at the requests.
 */
#ifndef SLUICE_IO_KAFKA_GROUP_H
#define SLUICE_IO_KAFKA_GROUP_H

#include <stdatomic.h>
#include <stdbool.h>

#include <librdkafka/rdkafka.h>

struct group_watch {
    atomic_bool joining; /* from JoinGroup to the answer to SyncGroup: send no commit */
};

/* Puts the interceptor into a configuration; w must live as long as the handle made from it. */
rd_kafka_resp_err_t group_watch_install(rd_kafka_conf_t *conf, struct group_watch *w);

/* Fresh metadata of the consumer's membership, for offsets in a transaction; NULL when it is no member just
 * now. Such metadata must never be sent: a broker takes offsets without a generation as those of an old
 * client that it need not fence. */
rd_kafka_consumer_group_metadata_t *group_metadata(rd_kafka_t *consumer);

/* What the interceptor does, for tests: a request of this kind went out; its answer came, or did not. */
void group_watch_sent(struct group_watch *w, int16_t api_key);
void group_watch_answered(struct group_watch *w, int16_t api_key, rd_kafka_resp_err_t err);

#endif
