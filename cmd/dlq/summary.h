/*
 * summary: how many dead letters there are of each code. Bounded: codes beyond the first few hundred count as
 * one without a name. Pure.
 */
#ifndef SLUICE_CMD_DLQ_SUMMARY_H
#define SLUICE_CMD_DLQ_SUMMARY_H

#include <stdio.h>

#include "cmd/dlq/letter.h"

struct summary;

struct summary *summary_new(void);
struct summary *summary_free(struct summary *s);
void summary_add(struct summary *s, const struct letter *l);

/* One line of JSON a code, the most frequent first. -1: the file cannot be written. */
int summary_print(struct summary *s, FILE *to);

#endif
