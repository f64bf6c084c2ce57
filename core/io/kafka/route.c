/*
 * route: a small cache of what the broker says about the topics that replies go to. A topic counts as
 * absent only when it still is one moment after it was first asked for: a broker that makes topics
 * when they are asked for says first that there is none. One with a partition that no broker leads counts
 * as absent, too, when that lasts.
 */
#include "io/kafka/route.h"

#include <string.h>

#include "base/mem.h"

#define ASK_MS     1000
#define CREATED_US (300 * 1000LL)   /* how long a broker may take to make a topic */
#define LEADER_US  (10 * 1000000LL) /* how long an election may take */
#define STALE_US   (5 * 1000000LL)  /* a "no" is asked for again after so long */

struct route {
    char *topic;
    rd_kafka_topic_t *handle; /* what the client learns, it keeps for topics that have one */
    int32_t partitions;
    rd_kafka_resp_err_t err; /* 0, and partitions > 0: it is known */
    int64_t asked_us;        /* last time; 0: never */
    int64_t missing_us; /* first of the answers in a row that there is no such topic; 0: none */
};

struct routes {
    rd_kafka_t *rk;
    struct route *at;
    size_t count;
};

struct routes *routes_new(rd_kafka_t *rk)
{
    struct routes *r = mem_alloc(sizeof *r);

    r->rk = rk;
    return r;
}

struct routes *routes_free(struct routes *r)
{
    if (!r)
        return NULL;
    for (size_t i = 0; i < r->count; i++) {
        rd_kafka_topic_destroy(r->at[i].handle);
        free(r->at[i].topic);
    }
    free(r->at);
    free(r);
    return NULL;
}

static struct route *get(struct routes *r, const char *topic)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->at[i].topic, topic) == 0)
            return &r->at[i];
    r->at = mem_grow(r->at, r->count + 1, sizeof *r->at);
    r->at[r->count] = (struct route){
        .topic = mem_strdup(topic),
        .handle = rd_kafka_topic_new(r->rk, topic, NULL),
    };
    return &r->at[r->count++];
}

/* A record for such a partition would wait, and its transaction with it. */
static bool lacks_leader(const struct rd_kafka_metadata_topic *t)
{
    for (int i = 0; i < t->partition_cnt; i++)
        if (t->partitions[i].leader < 0)
            return true;
    return false;
}

static void ask(struct routes *r, struct route *route, int64_t now_us)
{
    const struct rd_kafka_metadata *md;

    route->asked_us = now_us;
    route->partitions = 0;
    route->err = rd_kafka_metadata(r->rk, 0, route->handle, &md, ASK_MS);
    if (route->err)
        return;
    if (md->topic_cnt == 1) {
        route->err = md->topics[0].err;
        route->partitions = route->err ? 0 : md->topics[0].partition_cnt;
        if (!route->err && lacks_leader(&md->topics[0]))
            route->err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    }
    rd_kafka_metadata_destroy(md);
}

static bool is_absence(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
           err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

static bool is_known(const struct route *route)
{
    return route->partitions > 0 && !route->err;
}

/* It has been missing for longer than it takes to make it, or to find it a leader. */
static bool is_gone(const struct route *route)
{
    return route->asked_us - route->missing_us >=
           (route->err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ? LEADER_US : CREATED_US);
}

/* What the last answer is worth now. */
static int result_of(struct route *route)
{
    if (is_known(route)) {
        route->missing_us = 0;
        return ROUTE_KNOWN;
    }
    if (!is_absence(route->err))
        return ROUTE_LATER;
    if (!route->missing_us)
        route->missing_us = route->asked_us;
    return is_gone(route) ? ROUTE_ABSENT : ROUTE_LATER;
}

static bool is_fresh(const struct route *route, int64_t now_us)
{
    if (!route->asked_us)
        return false;
    if (is_known(route))
        return true;
    return is_absence(route->err) &&
           now_us - route->asked_us < (is_gone(route) ? STALE_US : CREATED_US);
}

int routes_find(struct routes *r, const char *topic, int64_t now_us, int32_t *ret_partitions,
                rd_kafka_resp_err_t *ret_err)
{
    struct route *route = get(r, topic);

    if (!is_fresh(route, now_us))
        ask(r, route, now_us);
    *ret_partitions = route->partitions;
    *ret_err = route->err;
    return result_of(route);
}

int routes_find_partition(struct routes *r, const char *topic, int32_t partition, int64_t now_us,
                          rd_kafka_resp_err_t *ret_err)
{
    int32_t partitions;
    int result = routes_find(r, topic, now_us, &partitions, ret_err);

    if (result != ROUTE_KNOWN || partition < partitions)
        return result;
    if (now_us - get(r, topic)->asked_us >= STALE_US) {
        get(r, topic)->asked_us = 0;
        result = routes_find(r, topic, now_us, &partitions, ret_err);
        if (result != ROUTE_KNOWN || partition < partitions)
            return result;
    }
    *ret_err = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    return ROUTE_ABSENT;
}

void routes_forget(struct routes *r)
{
    for (size_t i = 0; i < r->count; i++)
        r->at[i].asked_us = 0;
}
