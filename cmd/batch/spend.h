/*
 * spend: the budget of a file job: its options, what its earlier runs have spent (OUT.budget beside the output,
 * or the replies themselves), and the words about it.
 */
#ifndef SLUICE_CMD_BATCH_SPEND_H
#define SLUICE_CMD_BATCH_SPEND_H

#include <stdio.h>

#include "cmd/batch/batch.h"
#include "cmd/batch/job.h"
#include "io/budget_file.h"
#include "task/reply.h"

struct spend {
    struct budget_file file;
    double old_usd; /* what the replies of earlier runs cost */
    int64_t old_calls;
};

/* Puts --max-cost and --max-requests into the configuration. -1: there are no prices to count with. */
int spend_options(struct config *c, const struct batch_options *o, struct err *e);

void spend_old(struct spend *s, const struct reply_view *v); /* a reply of an earlier run */
int spend_open(struct spend *s, const struct config *c, const struct job *j, const char *output,
               struct err *e);

/* "$1.2345 of $2.0000 spent, 100 calls", as far as there are bounds. */
void spend_words(const struct budget_view *v, char *out, size_t cap);

/* A line of the report; nothing when there is no budget. */
void spend_report(const struct budget_view *v, FILE *to);

#endif
