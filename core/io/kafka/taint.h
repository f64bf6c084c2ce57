/*
 * taint: did a request of the transactional producer end without an answer? Private to io/kafka; any
 * thread may ask.
 *
 * The transaction protocol that librdkafka speaks has a hole: a request that was given up and repeated may
 * still be on its way, reach the broker within the NEXT transaction, and end or extend that one. The
 * library repeats such requests silently and reports success, so an interceptor looks at the answers. A
 * producer that is tainted begins no other transaction: a new handle with the same transactional.id gets
 * a higher epoch, and the broker refuses everything that the old one still had under way.
 */
#ifndef SLUICE_IO_KAFKA_TAINT_H
#define SLUICE_IO_KAFKA_TAINT_H

#include <stdatomic.h>
#include <stdbool.h>

#include <librdkafka/rdkafka.h>

struct taint {
    atomic_bool set; /* by any of the transactional requests */
    atomic_bool end; /* by one that ends a transaction */
};

/* Puts the interceptor into a configuration; t must live as long as the handle made from it. */
rd_kafka_resp_err_t taint_install(rd_kafka_conf_t *conf, struct taint *t);

bool taint_is_set(const struct taint *t);
/* Only then can a transaction be decided without our knowing which way. */
bool taint_lost_end(const struct taint *t);
void taint_clear(struct taint *t); /* only when a fresh handle has its own epoch */

/* What the interceptor does, for tests: an answer to a request of this kind came, or (err) did not. */
void taint_answered(struct taint *t, int16_t api_key, rd_kafka_resp_err_t err);

#endif
