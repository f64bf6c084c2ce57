/*
 * hint: how long a provider asks us to wait, from all its header formats (errors.md section 5). Pure:
 * the wall clock is an argument.
 */
#ifndef SLUICE_POLICY_HINT_H
#define SLUICE_POLICY_HINT_H

#include "policy/learn.h"
#include "task/answer.h"
#include "task/http.h"

/*
 * Milliseconds to wait, never less than was asked for; -1: no hint. Order: retry-after-ms,
 * x-ms-retry-after-ms, retry-after (integer, float, HTTP date), body (ans->retry_after_ms), the reset of
 * the dimension whose remaining is 0, x-ratelimit-reset. Past dates give 0; a hint of 0 stands back for a later
 * one that asks for more. Values over 31 days, negative and unreadable ones are ignored.
 */
int64_t hint_wait_ms(const struct http_response *rsp, const struct answer *ans,
                     int64_t now_wall_ms);

/* What the rate-limit headers of a good answer say is left, of each kind in the dimension with the least. False:
 * nothing that makes sense. */
bool hint_allowance(const struct http_response *rsp, int64_t now_wall_ms,
                    struct allowance ret[LEARN_KINDS]);

/* x-should-retry: 1 true, 0 false, -1 not said. */
int hint_should_retry(const struct http_response *rsp);

/* "6m0s", "1h2m3.5s", "28ms", "500us", "7.66", "7.66s", "58s" to ms, rounded up; -1: unreadable. */
int64_t hint_duration_ms(const char *text);

#endif
