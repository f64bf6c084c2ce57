/*
 * outcomes: packs tasks into parcels, and sorts the parcels of an abandoned transaction. A broker refuses
 * records by the set, all those that it got in one request for one partition, so that one bad record
 * takes good ones with it: the intake finds it by making smaller batches of those refused.
 */
#include "io/kafka/outcomes.h"

#include <assert.h>

#include "io/kafka/txn.h"

size_t outcomes_count(const struct list_node *tasks)
{
    size_t n = 0;

    for (const struct list_node *i = tasks->next; i != tasks; i = i->next)
        n++;
    return n;
}

void outcomes_pack(struct list_node *tasks, const struct config *c, struct list_node *parcels)
{
    struct list_node *n;

    while ((n = list_pop(tasks)))
        list_push(parcels, &parcel_new(CONTAINER_OF(n, struct task, node), c)->node);
}

static struct task *unpack_one(struct parcel *pc)
{
    struct task *t = pc->task;

    parcel_free(pc);
    return t;
}

void outcomes_unpack(struct list_node *parcels, struct list_node *tasks)
{
    struct list_node *n;

    while ((n = list_pop(parcels)))
        list_push(tasks, &unpack_one(CONTAINER_OF(n, struct parcel, node))->node);
}

/* Was it refused for good, so that something has to change? */
static bool is_refused(const struct parcel *pc, const struct parcel_record *r)
{
    return r->wanted && r->err && refusal_of(pc, r, r->err) != REFUSAL_PASSES;
}

static bool is_to_blame(const struct parcel *pc)
{
    return is_refused(pc, &pc->reply) || is_refused(pc, &pc->dead_letter);
}

static bool waits_for_topic(const struct parcel *pc)
{
    return refusal_is_topic(pc->reply.err) || refusal_is_topic(pc->dead_letter.err);
}

/* A topic that we may see but not write to fails the transaction as a whole, before any record is sent.
 * The topics that requests ask for are to blame first. */
static bool blame_foreign_topics(struct list_node *parcels)
{
    bool any = false;

    for (struct list_node *n = parcels->next; n != parcels; n = n->next) {
        struct parcel *pc = CONTAINER_OF(n, struct parcel, node);

        if (pc->reply.wanted && !parcel_topic_is_ours(pc, &pc->reply)) {
            pc->reply.err = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
            any = true;
        }
    }
    return any;
}

enum kafka_abort outcomes_abort_reason(struct list_node *parcels, rd_kafka_resp_err_t err)
{
    bool waits = refusal_is_topic(err);

    for (struct list_node *n = parcels->next; n != parcels; n = n->next) {
        const struct parcel *pc = CONTAINER_OF(n, struct parcel, node);

        if (is_to_blame(pc))
            return KAFKA_ABORT_REFUSED;
        waits = waits || waits_for_topic(pc);
    }
    if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED && blame_foreign_topics(parcels))
        return KAFKA_ABORT_REFUSED;
    if (err == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE)
        return KAFKA_ABORT_MAP;
    if (txn_is_group_error(err))
        return KAFKA_ABORT_GROUP;
    return waits ? KAFKA_ABORT_TOPIC : KAFKA_ABORT_OTHER;
}

static size_t replace(struct parcel *pc, int64_t now_wall_ms)
{
    size_t replaced = 0;

    assert(!parcel_flying(pc));
    if (is_refused(pc, &pc->dead_letter))
        refusal_accept(pc, &pc->dead_letter, pc->dead_letter.err, now_wall_ms);
    if (is_refused(pc, &pc->reply))
        replaced = refusal_accept(pc, &pc->reply, pc->reply.err, now_wall_ms) == REFUSAL_REPLY;
    return replaced;
}

size_t outcomes_unpack_refused(struct list_node *parcels, int64_t now_wall_ms,
                               struct list_node *refused, struct list_node *again)
{
    size_t blamed = 0, replaced = 0;
    struct list_node *n;

    for (n = parcels->next; n != parcels; n = n->next)
        blamed += is_to_blame(CONTAINER_OF(n, struct parcel, node));
    while ((n = list_pop(parcels))) {
        struct parcel *pc = CONTAINER_OF(n, struct parcel, node);
        bool blame = is_to_blame(pc);

        if (blame && blamed == 1 && !pc->task->park) {
            replaced += replace(pc, now_wall_ms);
            blame = false;
        }
        list_push(blame ? refused : again, &unpack_one(pc)->node);
    }
    return replaced;
}
