/*
 * limit: request, token and concurrency limits of one route. Pure: time is an argument.
 *
 * limit_try() reserves (requests, tokens, a slot) or says when to ask again; limit_settle() replaces the
 * estimate by what was used and gives the slot back; limit_refund() undoes a reservation whose call never
 * reached the provider. No burst at a minute's edge: rates are spread by emission interval (GCRA) with a burst
 * of at most a quarter of a second's worth (at least 1 request), and a sliding window keeps any 60 s,
 * wherever they start, within the limit.
 *
 * With a share (share.h) this worker has a part of the limit only, which may change at any time: then the window
 * may hold what was granted in it. What that costs, and what it cannot promise, is at the top of limit.c.
 */
#ifndef SLUICE_POLICY_LIMIT_H
#define SLUICE_POLICY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/explain.h"
#include "policy/share.h"

#define LIMIT_SLOTS 123 /* of half a second: a minute and at least one second more */

/* What was reserved within one half second. */
struct limit_slot {
    int32_t requests;
    int64_t tokens;
    int64_t largest;                         /* tokens of one reservation */
    double granted_requests, granted_tokens; /* with a share */
};

struct limit {
    int64_t rpm, tpm, parallel; /* 0: unlimited */
    enum why why;               /* what the last call lacked that limit_try() did not let go */
    int64_t running;
    double request_tat_us; /* theoretical arrival times of GCRA */
    double token_tat_us;
    int64_t tick; /* half second that the newest slot stands for */
    int64_t window_requests;
    int64_t window_tokens;
    struct limit_slot slot[LIMIT_SLOTS];

    const struct share *share; /* NULL: all of it, since ever. The rest is used with a share only */
    int64_t call_us;           /* longest time of a call */
    int64_t quota_requests;    /* of this worker, in a window */
    int64_t quota_tokens;
    int64_t granted_us;                      /* grants are booked until here */
    double granted_requests, granted_tokens; /* in the window */
    double owed_requests, owed_tokens;       /* while there is no quota to pay from */
    bool by_instant;                         /* requests go at instants of the wall clock */
    int64_t instant_us;                      /* the newest one that was used, wall clock */
    int64_t slots;                           /* of `parallel` */
    int64_t slots_until_us;                  /* when to count them again */
};

enum limit_result {
    LIMIT_GO = 0,
    LIMIT_WAIT = 1,  /* until *ret_at_us */
    LIMIT_FULL = 2,  /* until a call ends, or the share changes */
    LIMIT_NEVER = 3, /* this request is larger than the token limit */
    LIMIT_LARGE = 4  /* it is larger than this worker's share of it: until the share changes */
};

void limit_init(struct limit *l, int64_t rpm, int64_t tpm, int64_t parallel);
int limit_try(struct limit *l, int64_t tokens, int64_t now_us, int64_t *ret_at_us);
/* reserved_us: the now_us of the limit_try() that reserved. */
void limit_settle(struct limit *l, int64_t reserved, int64_t used, int64_t reserved_us,
                  int64_t now_us);
void limit_refund(struct limit *l, int64_t reserved, int64_t reserved_us);

/* What the window holds of requests and, where tokens are limited, of tokens: used, or reserved by calls that
 * run. */
void limit_used(struct limit *l, int64_t now_us, int64_t *ret_requests, int64_t *ret_tokens);

/* From now on only what s says, which outlives l. The limit has not been used yet. */
void limit_share(struct limit *l, const struct share *s, int64_t call_us);
/* Around a share_set() of that share: the second only when it said that something changed. */
void limit_before_share(struct limit *l, int64_t now_us);
void limit_after_share(struct limit *l, int64_t now_us);

/* Is it so small that requests go by the wall clock, when no worker has all `parts`? */
bool limit_is_by_instant(int64_t rpm, int64_t parts);

#endif
