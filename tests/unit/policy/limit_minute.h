/*
 * limit_minute: limits of a minute whose tokens are of one kind, as most tests of limits need no others.
 */
#ifndef SLUICE_TESTS_LIMIT_MINUTE_H
#define SLUICE_TESTS_LIMIT_MINUTE_H

#include "policy/limit.h"

static inline void minute_init(struct limit *l, int64_t rpm, int64_t tpm, int64_t parallel)
{
    limit_init(
        l, &(struct limit_max){.of = {[LIMIT_RPM] = rpm, [LIMIT_TPM] = tpm}, .parallel = parallel});
}

static inline int minute_try(struct limit *l, int64_t tokens, int64_t now_us, int64_t *ret_at_us)
{
    return limit_try(l, (struct limit_need){.tokens = tokens}, now_us, ret_at_us);
}

static inline void minute_settle(struct limit *l, int64_t reserved, int64_t used,
                                 int64_t reserved_us, int64_t now_us)
{
    limit_settle(l, (struct limit_need){.tokens = reserved}, (struct limit_need){.tokens = used},
                 reserved_us, now_us);
}

static inline void minute_refund(struct limit *l, int64_t reserved, int64_t reserved_us)
{
    limit_refund(l, (struct limit_need){.tokens = reserved}, reserved_us);
}

#endif
