/* progress: formats and draws; it never decides anything and never touches stdout. */
#include "cmd/batch/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/batch/timeline.h"
#include "cmd/jobs/status.h"

#define LIVE_EVERY_US  250000
#define PLAIN_EVERY_US 10000000
#define JSON_EVERY_US  1000000

int progress_init(struct progress *p, const char *mode, int64_t now_us, struct err *e)
{
    static const char *const names[] = {"auto", "live", "plain", "json", "none"};
    size_t i = 0;

    *p = (struct progress){.started_us = now_us, .shown_us = now_us};
    for (i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(mode, names[i]) == 0)
            break;
    }
    if (i == ARRAY_LEN(names))
        return err_set(e, EX_USAGE,
                       "--progress must be auto, live, plain, json or none, not \"%s\"", mode);
    p->mode = (enum progress_mode)i;
    if (p->mode == PROGRESS_AUTO)
        p->mode = isatty(STDERR_FILENO) ? PROGRESS_LIVE : PROGRESS_PLAIN;
    return 0;
}

void progress_begin(struct progress *p, int64_t now_us)
{
    p->started_us = now_us;
    p->shown_us = now_us;
}

/* Seconds left at the average pace of this run; -1: unknown. */
static int64_t eta_s(const struct progress *p, const struct progress_view *v, int64_t now_us)
{
    double elapsed = (double)(now_us - p->started_us) / 1e6;
    uint64_t fresh = v->done - v->resumed;

    if (v->total == 0 || fresh == 0 || v->done > v->total)
        return -1;
    return (int64_t)(elapsed / (double)fresh * (double)(v->total - v->done) + 0.5);
}

/* What the whole job will have cost when it goes on like this; negative: unknown. */
static double projected(const struct progress_view *v)
{
    uint64_t fresh = v->done - v->resumed;

    if (v->total == 0 || fresh == 0 || v->cost_unknown)
        return -1;
    return v->cost_usd / (double)fresh * (double)(v->total - v->resumed);
}

static void update_rates(struct progress *p, const struct progress_view *v, int64_t now_us)
{
    double minutes = (double)(now_us - p->shown_us) / 6e7;
    double keep = p->last.calls ? 0.7 : 0;

    if (minutes <= 0)
        return;
    p->rpm = keep * p->rpm + (1 - keep) * (double)(v->calls - p->last.calls) / minutes;
    p->in_tpm =
        keep * p->in_tpm + (1 - keep) * (double)(v->input_tokens - p->last.input_tokens) / minutes;
    p->out_tpm = keep * p->out_tpm +
                 (1 - keep) * (double)(v->output_tokens - p->last.output_tokens) / minutes;
}

static void cost_text(const struct progress_view *v, char *out, size_t cap)
{
    if (v->cost_unknown && v->cost_usd <= 0)
        snprintf(out, cap, "unknown");
    else
        snprintf(out, cap, "%s%.4f", v->cost_unknown ? ">=" : "", v->cost_usd);
}

int progress_plain(const struct progress *p, const struct progress_view *v, int64_t now_us,
                   char *out, unsigned cap)
{
    char cost[32];
    double all = projected(v);
    int n = 0;

    cost_text(v, cost, sizeof cost);
    n = snprintf(out, cap,
                 "progress done=%" PRIu64 " total=%" PRIu64 " cached=%" PRIu64 " coalesced=%" PRIu64
                 " failed=%" PRIu64 " retrying=%" PRId64 " inflight=%" PRId64
                 " rpm=%.0f in_tpm=%.0f out_tpm=%.0f cost=%s",
                 v->done, v->total, v->cached, v->coalesced, v->failed, v->retrying, v->in_flight,
                 p->rpm, p->in_tpm, p->out_tpm, cost);
    if (all >= 0 && n > 0 && (unsigned)n < cap)
        n += snprintf(out + n, cap - (unsigned)n, " cost_est=%.4f", all);
    if (n > 0 && (unsigned)n < cap)
        n += snprintf(out + n, cap - (unsigned)n,
                      " eta_s=%" PRId64 " limited_by=\"%s\" phase=\"%s\"", eta_s(p, v, now_us),
                      v->limited_by, v->phase);
    return n;
}

int progress_json(const struct progress *p, const struct progress_view *v, int64_t now_us,
                  char *out, unsigned cap)
{
    char cost[32] = "null";
    char all[32] = "null";

    if (!v->cost_unknown)
        snprintf(cost, sizeof cost, "%.6f", v->cost_usd);
    if (projected(v) >= 0)
        snprintf(all, sizeof all, "%.6f", projected(v));
    return snprintf(out, cap,
                    "{\"done\":%" PRIu64 ",\"total\":%" PRIu64 ",\"resumed\":%" PRIu64
                    ",\"cached\":%" PRIu64 ",\"coalesced\":%" PRIu64 ",\"failed\":%" PRIu64
                    ",\"retrying\":%" PRId64 ",\"in_flight\":%" PRId64 ",\"calls\":%" PRIu64
                    ",\"requests_per_minute\":%.1f,\"input_tokens_per_minute\":%.1f,"
                    "\"output_tokens_per_minute\":%.1f,\"cost_usd\":%s,\"projected_cost_usd\":%s,"
                    "\"eta_s\":%" PRId64 ",\"limited_by\":\"%s\",\"phase\":\"%s\"}",
                    v->done, v->total, v->resumed, v->cached, v->coalesced, v->failed, v->retrying,
                    v->in_flight, v->calls, p->rpm, p->in_tpm, p->out_tpm, cost, all,
                    eta_s(p, v, now_us), v->limited_by, v->phase);
}

static void draw_live(struct progress *p, const struct progress_view *v, int64_t now_us)
{
    int64_t eta = eta_s(p, v, now_us);
    char cost[32];
    char when[32] = "?";
    double all = projected(v);

    cost_text(v, cost, sizeof cost);
    if (eta >= 0)
        snprintf(when, sizeof when, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, eta / 3600,
                 eta / 60 % 60, eta % 60);
    if (p->lines)
        fprintf(stderr, "\033[%dA", p->lines);
    fprintf(stderr, "\033[K%s  %" PRIu64 "/%" PRIu64 "  %.1f%%  ETA %s  (limited by: %s)\n",
            v->phase, v->done, v->total, v->total ? 100.0 * (double)v->done / (double)v->total : 0,
            when, v->limited_by);
    fprintf(stderr,
            "\033[K done %" PRIu64 "  cached %" PRIu64 "  coalesced %" PRIu64 "  failed %" PRIu64
            "  retrying %" PRId64 "  in flight %" PRId64 "\n",
            v->done, v->cached, v->coalesced, v->failed, v->retrying, v->in_flight);
    fprintf(stderr, "\033[K req/min %.0f  tok/min in %.0f out %.0f\n", p->rpm, p->in_tpm,
            p->out_tpm);
    fprintf(stderr, "\033[K cost $%s now", cost);
    if (all >= 0)
        fprintf(stderr, "  ~$%.4f at end", all);
    fprintf(stderr, "\n");
    p->lines = 4;
}

void progress_show(struct progress *p, const struct progress_view *v, int64_t now_us, bool force)
{
    static const int64_t every[] = {[PROGRESS_LIVE] = LIVE_EVERY_US,
                                    [PROGRESS_PLAIN] = PLAIN_EVERY_US,
                                    [PROGRESS_JSON] = JSON_EVERY_US,
                                    [PROGRESS_NONE] = INT64_MAX};
    char line[1024];

    if (p->timeline)
        timeline_note(p->timeline, v, now_us - p->started_us, force);
    if (p->status)
        status_note(p->status, v, now_us, force);
    if (p->mode == PROGRESS_NONE || (!force && now_us - p->shown_us < every[p->mode]))
        return;
    update_rates(p, v, now_us);
    if (p->mode == PROGRESS_LIVE) {
        draw_live(p, v, now_us);
    } else {
        if (p->mode == PROGRESS_JSON)
            progress_json(p, v, now_us, line, sizeof line);
        else
            progress_plain(p, v, now_us, line, sizeof line);
        fprintf(stderr, "%s\n", line);
    }
    p->last = *v;
    p->shown_us = now_us;
}
