/* retry_budget: the bucket of retries; see retry_budget.h. It does not know what a retry is. */
#include "policy/retry_budget.h"

#define SECOND_US 1000000.0

bool retry_budget_take(struct retry_budget *b, int64_t now_us, int64_t *ret_at_us)
{
    if (b->at_us == 0)
        b->left = RETRY_BUDGET_MAX;
    else if (now_us > b->at_us)
        retry_budget_give(b, (double)(now_us - b->at_us) * RETRY_BUDGET_S / SECOND_US);
    if (now_us > b->at_us)
        b->at_us = now_us;
    if (b->left >= 1) {
        b->left -= 1;
        return true;
    }
    *ret_at_us = b->at_us + (int64_t)((1 - b->left) / RETRY_BUDGET_S * SECOND_US) + 1;
    return false;
}

void retry_budget_give(struct retry_budget *b, double amount)
{
    b->left += amount;
    if (b->left > RETRY_BUDGET_MAX)
        b->left = RETRY_BUDGET_MAX;
}
