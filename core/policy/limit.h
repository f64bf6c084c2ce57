/*
 * limit: request, token and concurrency limits of one route by GCRA. Pure: time is an argument.
 *
 * limit_try() reserves (requests, tokens, a slot) or says when to ask again; limit_settle() replaces the
 * estimate by what was used and gives the slot back; limit_refund() undoes a reservation whose call never
 * reached the provider. No burst at a minute's edge: rates are spread by emission interval with a burst
 * of at most a quarter of a second's worth (at least 1 request), and a sliding window keeps any 60 s,
 * wherever they start, within the limit.
 */
#ifndef SLUICE_POLICY_LIMIT_H
#define SLUICE_POLICY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_SLOTS 123 /* of half a second: a minute and at least one second more */

/* What was reserved within one half second. */
struct limit_slot {
    int32_t requests;
    int32_t running; /* of these requests, how many have not ended */
    int64_t tokens;
};

struct limit {
    int64_t rpm, tpm, parallel; /* 0: unlimited */
    int64_t running;
    double request_tat_us; /* theoretical arrival times of GCRA */
    double token_tat_us;
    int64_t tick; /* half second that the newest slot stands for */
    int64_t window_requests;
    int64_t window_tokens;
    int64_t old_running; /* calls that run and were reserved before the window */
    struct limit_slot slot[LIMIT_SLOTS];
};

enum limit_result {
    LIMIT_GO = 0,
    LIMIT_WAIT = 1, /* until *ret_at_us */
    LIMIT_FULL = 2, /* concurrency: until a call ends */
    LIMIT_NEVER = 3 /* this request is larger than the token limit */
};

void limit_init(struct limit *l, int64_t rpm, int64_t tpm, int64_t parallel);
int limit_try(struct limit *l, int64_t tokens, int64_t now_us, int64_t *ret_at_us);
void limit_settle(struct limit *l, int64_t reserved, int64_t used, int64_t now_us);
void limit_refund(struct limit *l, int64_t reserved);

/* What the window holds of requests and, where tokens are limited, of tokens: used, or reserved by calls that
 * run. */
void limit_used(struct limit *l, int64_t now_us, int64_t *ret_requests, int64_t *ret_tokens);

#endif
