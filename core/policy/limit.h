/*
 * limit: request, token and concurrency limits of one route: a meter (meter.h) for each dimension, and the calls
 * at once. Pure: time is an argument.
 *
 * limit_try() reserves in all of them (or in none, and says when to ask again); limit_settle() replaces the estimate
 * by what was used and gives the slot back; limit_refund() undoes a reservation whose call never reached the provider.
 */
#ifndef SLUICE_POLICY_LIMIT_H
#define SLUICE_POLICY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/explain.h"
#include "policy/meter.h"
#include "policy/share.h"
#include "task/config.h"

enum limit_dim {
    LIMIT_RPS,
    LIMIT_RPM,
    LIMIT_RPD,
    LIMIT_TPM, /* tokens, in and out */
    LIMIT_INPUT_TPM,
    LIMIT_OUTPUT_TPM,
    LIMIT_TPD,
    LIMIT_DIMS
};

/* As its key in the configuration: "rpm". */
const char *limit_name(enum limit_dim d);

/* What a row allows; 0: no limit. */
struct limit_max {
    int64_t of[LIMIT_DIMS];
    int64_t parallel;
};

struct limit_max limit_max_of(const struct model *m);

/* Tokens of one call. */
struct limit_need {
    int64_t tokens;
    int64_t output; /* of these */
};

/* The first dimension that so many tokens will never fit in; LIMIT_DIMS: they fit. */
enum limit_dim limit_exceeded(const struct limit_max *max, struct limit_need n);

struct limit {
    struct limit_max max;
    enum why why; /* what the last call lacked that limit_try() did not let go */
    int64_t running;
    struct meter meter[LIMIT_DIMS];

    const struct share *share; /* NULL: all of it. The rest is used with a share only */
    int64_t call_us;           /* longest time of a call */
    int64_t slots;             /* of `max.parallel` */
    int64_t slots_until_us;    /* when to count them again */
};

enum limit_result {
    LIMIT_GO = 0,
    LIMIT_WAIT = 1,  /* until *ret_at_us */
    LIMIT_FULL = 2,  /* until a call ends, or the share changes */
    LIMIT_NEVER = 3, /* this request is larger than a token limit */
    LIMIT_LARGE = 4  /* it is larger than this worker's share of it: until the share changes */
};

void limit_init(struct limit *l, const struct limit_max *max);
int limit_try(struct limit *l, struct limit_need n, int64_t now_us, int64_t *ret_at_us);

/* reserved_us: the now_us of the limit_try() that reserved. */
void limit_settle(struct limit *l, struct limit_need reserved, struct limit_need used,
                  int64_t reserved_us, int64_t now_us);
void limit_refund(struct limit *l, struct limit_need reserved, int64_t reserved_us);

/* What is used in the spans of the limits, or reserved by calls that run; 0 where there is no limit, except of
 * LIMIT_RPM. */
void limit_used(struct limit *l, int64_t now_us, int64_t ret[LIMIT_DIMS]);

/* From now on only what s says, which outlives l. The limit has not been used yet. */
void limit_share(struct limit *l, const struct share *s, int64_t call_us);
/* Around a share_set() of that share: the second only when it said that something changed. */
void limit_before_share(struct limit *l, int64_t now_us);
void limit_after_share(struct limit *l, int64_t now_us);

#endif
