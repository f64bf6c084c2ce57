/*
 * progress: shows how a job goes, on stderr: a live view on a terminal (4 times a second), else one plain
 * line every 10 s, or one JSON line every second.
 */
#ifndef SLUICE_CMD_BATCH_PROGRESS_H
#define SLUICE_CMD_BATCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum progress_mode { PROGRESS_AUTO, PROGRESS_LIVE, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };

struct progress_view {
    uint64_t done, total; /* whole job, with what was done before; total 0: unknown */
    uint64_t resumed;
    uint64_t cached, coalesced, failed;
    int64_t retrying, in_flight;
    uint64_t calls; /* so far in this run */
    int64_t input_tokens, output_tokens;
    double cost_usd;
    uint64_t cost_unknown;
    char limited_by[96]; /* "input", "fast/openai: cooling_overload", ... */
    char phase[32];      /* "running", "draining", "disk full, waiting" */
};

struct timeline;
struct status;

struct progress {
    enum progress_mode mode;
    struct timeline *timeline; /* told of every view, for the report; NULL: there is none */
    struct status *status;     /* likewise, for `sluice runs`; NULL: there is none */
    int64_t started_us;
    int64_t shown_us;
    int lines;                   /* drawn on the terminal */
    struct progress_view last;   /* at shown_us, for rates */
    double rpm, in_tpm, out_tpm; /* smoothed */
};

/* "auto", "live", "plain", "json", "none". */
int progress_init(struct progress *p, const char *mode, int64_t now_us, struct err *e);

/* The work begins now and not at progress_init(); before the first progress_show(). */
void progress_begin(struct progress *p, int64_t now_us);

/* Draws when it is time; force: now (the last one). */
void progress_show(struct progress *p, const struct progress_view *v, int64_t now_us, bool force);

/* Formats one plain line without a newline; for tests as well. */
int progress_plain(const struct progress *p, const struct progress_view *v, int64_t now_us,
                   char *out, unsigned cap);
int progress_json(const struct progress *p, const struct progress_view *v, int64_t now_us,
                  char *out, unsigned cap);

#endif
