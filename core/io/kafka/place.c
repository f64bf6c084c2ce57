/*
 * place: a reply for a topic or partition that a request asked for and that is not there is replaced by an
 * error reply on the default topic. A topic of the configuration that is missing is waited for: a person
 * puts that right, and nothing is lost. Without the reply topic all wait; for the dead-letter topic only those
 * do that need it.
 */
#include "io/kafka/place.h"

#include "base/clock.h"
#include "io/kafka/refusal.h"

static int find(struct routes *routes, struct parcel *pc, struct parcel_record *r)
{
    int32_t partition = r == &pc->reply ? pc->partition : RD_KAFKA_PARTITION_UA;
    int result;

    if (!r->wanted)
        return ROUTE_KNOWN;
    result =
        routes_find_partition(routes, parcel_topic(pc, r), partition, clock_mono_us(), &r->err);
    if (result == ROUTE_KNOWN || r->err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
        return result;
    /* Our own topics are tried all the same: most records go to another partition. A topic that a request
     * asks for may not hold up the others. */
    if (parcel_topic_is_ours(pc, r))
        return ROUTE_KNOWN;
    r->err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    return result;
}

static int place_one(struct routes *routes, struct parcel *pc, struct place *ret)
{
    struct parcel_record *r = &pc->reply;
    int result = find(routes, pc, r);

    if (result == ROUTE_ABSENT && pc->task->park) {
        ret->topic = parcel_topic(pc, r);
        ret->err = r->err;
        return PLACE_PARTLY;
    }
    if (result == ROUTE_ABSENT && refusal_accept(pc, r, r->err, clock_wall_ms()) == REFUSAL_REPLY) {
        ret->replaced++;
        result = find(routes, pc, r);
    }
    if (result == ROUTE_KNOWN) {
        r = &pc->dead_letter;
        result = find(routes, pc, r);
    }
    if (result == ROUTE_KNOWN)
        return PLACE_GOOD;
    ret->topic = parcel_topic(pc, r);
    ret->err = r->err;
    return r == &pc->dead_letter ? PLACE_PARTLY : PLACE_NOT_NOW;
}

int place_all(struct routes *routes, struct list_node *parcels, struct list_node *waiting,
              struct place *ret)
{
    int result = PLACE_GOOD;

    *ret = (struct place){0};
    list_init(waiting);
    for (struct list_node *n = parcels->next, *next; n != parcels; n = next) {
        int one = place_one(routes, CONTAINER_OF(n, struct parcel, node), ret);

        next = n->next;
        if (one == PLACE_NOT_NOW) {
            list_splice(parcels, waiting);
            return one;
        }
        if (one == PLACE_GOOD)
            continue;
        list_remove(n);
        list_push(waiting, n);
        result = PLACE_PARTLY;
    }
    return result;
}
