/*
 * ls: `sluice dlq ls`: the dead letters, or how many there are of each code. Changes nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/dlq/dlq.h"
#include "cmd/dlq/summary.h"

#define POLL_MS     100
#define FLUSH_EVERY 100

/* Lines go out in time for a reader that waits for them, such as head. */
static int show(struct walk *w, const struct dlq_options *o, struct summary *s, uint64_t shown,
                struct err *e)
{
    if (o->count) {
        summary_add(s, &w->letter);
        return 0;
    }
    if (walk_print(w, NULL, e) < 0)
        return -1;
    return shown % FLUSH_EVERY == 0 ? dlq_flush(e) : 0;
}

/* 0; 128 + signal; -1. */
static int list(struct walk *w, const struct dlq_options *o, struct summary *s, uint64_t *ret_shown,
                struct err *e)
{
    uint64_t shown = 0;
    int rc = 0;

    while (rc == 0 && (!o->limit || shown < (uint64_t)o->limit)) {
        int got = walk_step(w, POLL_MS, e);

        if (got < 0 || got == WALK_END) {
            rc = got < 0 ? -1 : 0;
            break;
        }
        if (got == WALK_LETTER && walk_takes(w))
            rc = show(w, o, s, ++shown, e);
        if (rc == 0)
            rc = client_ended(&w->client, 0, e);
    }
    *ret_shown = shown;
    return rc;
}

static int run(struct walk *w, const struct dlq_options *o, struct err *e)
{
    struct summary *s = summary_new();
    uint64_t shown = 0;
    int rc = -1;

    if (client_signals(&w->client, e) == 0 && walk_start(w, NULL, NULL, 0, e) == 0)
        rc = list(w, o, s, &shown, e);
    if (rc >= 0 && o->count && summary_print(s, stdout) < 0)
        rc = -1;
    if (dlq_flush(e) < 0)
        rc = -1;
    if (rc >= 0) {
        fprintf(stderr, "dlq ls: %" PRIu64 " of %" PRIu64 " dead letters on topic %s\n", shown,
                w->letters, w->topic);
        walk_report(w);
    }
    summary_free(s);
    return rc;
}

int dlq_run_ls(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct dlq_options *o = opts;
    struct walk *w = mem_alloc(sizeof *w);
    int rc = walk_open(w, o, nargs, args, e);

    if (rc == 0)
        rc = run(w, o, e);
    walk_close(w);
    free(w);
    return rc;
}
