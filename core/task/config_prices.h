/*
 * config_prices: keys of prices beyond the rows of the table. Private to core/task/config*.c.
 */
#ifndef SLUICE_TASK_CONFIG_PRICES_H
#define SLUICE_TASK_CONFIG_PRICES_H

#include <stdbool.h>

#include "task/config_table.h"

/* What stands behind the name of a price of this tier. */
extern const char *const conf_tier_suffixes[SERVICE_TIERS];

/* Is this a row of conf_model_rows for a kind of token? */
bool conf_is_price(const struct conf_row *row);

/*
 * The row of a key such as model_info.input_cost_per_token_above_200k_tokens_flex: that of the kind, with the
 * offset of its own field. 0; 1: the key is nothing of this sort; -1: it is, and wrong.
 */
int conf_price_row(const struct conf_row *rows, struct model *m, const char *path,
                   struct conf_row *ret, struct err *e);

/* The i-th variant of a price that m may have, the price itself being the first, and its name. False: there
 * are no more. */
bool conf_price_variant(const struct conf_row *row, const struct model *m, size_t i,
                        struct conf_row *ret, char *name, size_t cap);

/* Checks the JSON pointers and reads usage_costs into prices.meter. */
int conf_resolve_prices(const struct config *c, struct model *m, struct err *e);

/* Prices that are missing or contradict each other, one line of text each; after config_resolve(). */
void conf_warn_prices(const struct model *m, void (*fn)(void *arg, const char *text), void *arg);

#endif
