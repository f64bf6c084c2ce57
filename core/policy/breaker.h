/*
 * breaker: cool-down of one route. Pure.
 *
 * Closed: calls go. After allowed_fails failures in a row, or a verdict that cools, it is open until a
 * time; a later deadline wins over an earlier one, never the other way. Then half-open: one probe at a
 * time; its success closes, its failure opens again for a doubled time (bounded). A pause (rate limit)
 * only ends: the route has shown that it works, and one probe at a time would cost the length of an answer.
 * Pauses without a good answer between them double as well (bounded), as a provider may count what it refuses:
 * several workers that come back as soon as it says would leave nothing for good answers.
 */
#ifndef SLUICE_POLICY_BREAKER_H
#define SLUICE_POLICY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/explain.h"
#include "policy/retry.h"

struct breaker {
    int fails;             /* in a row */
    int opened;            /* times in a row, for doubling */
    int paused;            /* the same of pauses: no call was good since the first */
    bool trial;            /* open because of failures: the first call afterwards is a probe */
    bool probing;          /* a half-open probe is running */
    bool off;              /* ROUTE_OFF */
    enum why why;          /* it is open; set by whoever reports the failure */
    int64_t open_until_us; /* 0: closed */
};

/* May a call go now? False: *ret_at_us is when to ask again (INT64_MAX: when a probe ends). */
bool breaker_allows(const struct breaker *b, int64_t now_us, int64_t *ret_at_us);
void breaker_start(struct breaker *b, int64_t now_us); /* a call starts; marks the probe */
void breaker_success(struct breaker *b);
void breaker_failure(struct breaker *b, enum route_effect effect, int64_t cool_until_us,
                     int64_t allowed_fails, int64_t cooldown_us, int64_t now_us);
void breaker_abandon(struct breaker *b); /* the call ended without telling anything (cancelled) */

#endif
