/*
 * filter: which dead letters a command is about. Pure.
 */
#ifndef SLUICE_CMD_DLQ_FILTER_H
#define SLUICE_CMD_DLQ_FILTER_H

#include <stdbool.h>

#include "base/err.h"
#include "cmd/command.h"
#include "cmd/dlq/letter.h"

struct filter_options {
    struct option_list codes;  /* patterns; none: every code */
    struct option_list topics; /* where it was before; patterns */
    struct option_list match;  /* key or task id; patterns */
    const char *since, *until;
};

struct filter {
    const struct filter_options *o;
    int64_t since_ms, until_ms;
};

int filter_init(struct filter *f, const struct filter_options *o, int64_t now_wall_ms,
                struct err *e);
bool filter_wants_id(const struct filter *f);
/* id: what letter_id() gave; may be NULL when filter_wants_id() says no. */
bool filter_takes(const struct filter *f, const struct letter *l, const char *id);

/* "2026-12-01T08:00:00Z", "2026-12-01", or so long ago: "2h", "3d". 0 or -1. */
int filter_time(const char *text, int64_t now_wall_ms, int64_t *ret_wall_ms);

#endif
