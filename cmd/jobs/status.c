/* status: see status.h. */
#include "cmd/jobs/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/jobs/whole_file.h"

#define EVERY_US 1000000

void status_old(struct status *s, const struct reply_view *v)
{
    s->old_failed += v->ok ? 0 : 1;
    s->old_usd += v->cost_usd > 0 ? v->cost_usd : 0;
    s->old_unknown += v->ok && v->cost_usd < 0 ? 1 : 0;
}

static void put_str(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, ",\n \"%s\":", name);
    if (text && *text)
        buf_json_str(out, text, strlen(text));
    else
        buf_str(out, "null");
}

static void put_path(struct buf *out, const char *name, const char *path)
{
    char *whole CLEANUP_FREE = path ? realpath(path, NULL) : NULL;

    put_str(out, name, whole ? whole : path);
}

static void put_time(struct buf *out, const char *name, int64_t wall_ms)
{
    char text[40] = "";

    if (wall_ms)
        clock_format_rfc3339(wall_ms, text, sizeof text);
    put_str(out, name, text);
}

static void put_counts(struct buf *out, const struct status *s)
{
    const struct progress_view *v = &s->last;

    buf_printf(out,
               ",\n \"total\":%" PRIu64 ",\"done\":%" PRIu64 ",\"resumed\":%" PRIu64
               ",\"failed\":%" PRIu64 ",\"cached\":%" PRIu64 ",\"in_flight\":%" PRId64
               ",\"retrying\":%" PRId64 ",\"calls\":%" PRIu64
               ",\n \"cost_usd\":%.6f,\"cost_unknown\":%" PRIu64,
               v->total, v->done, v->resumed, v->failed + s->old_failed, v->cached + v->coalesced,
               v->in_flight, v->retrying, v->calls, v->cost_usd + s->old_usd,
               v->cost_unknown + s->old_unknown);
}

static void save(const struct status *s, const char *state, int exit_code, const char *why)
{
    struct buf text = BUF_INIT(WHOLE_FILE_MAX);
    char path[4096];
    int64_t now_ms = clock_wall_ms();
    bool ended = exit_code >= 0;

    buf_printf(&text, "{\"kind\":\"%s\",\"state\":\"%s\"", s->about.kind, state);
    put_str(&text, "id", s->about.id);
    put_path(&text, "input", s->about.input);
    put_path(&text, "output", s->about.output);
    put_path(&text, "error_file", s->about.error_file);
    put_time(&text, "started_at", s->started_wall_ms);
    put_time(&text, "updated_at", now_ms);
    put_time(&text, "ended_at", ended ? now_ms : 0);
    put_counts(&text, s);
    put_str(&text, "phase", ended ? NULL : s->last.phase);
    put_str(&text, "limited_by", ended ? NULL : s->last.limited_by);
    if (ended)
        buf_printf(&text, ",\n \"exit_code\":%d", exit_code);
    put_str(&text, "why", why);
    buf_str(&text, "}\n");
    if ((size_t)snprintf(path, sizeof path, "%s" STATUS_SUFFIX, s->about.output) < sizeof path &&
        !text.over)
        whole_file_replace(path, &text, false, NULL);
    buf_done(&text);
}

void status_begin(struct status *s, const struct status_about *about, uint64_t total,
                  uint64_t resumed)
{
    char path[4096];

    if (strcmp(about->output, "-") == 0)
        return;
    if ((size_t)snprintf(path, sizeof path, "%s" STATUS_SUFFIX, about->output) < sizeof path &&
        whole_file_is_foreign(path, "kind")) {
        fprintf(stderr,
                "%s: %s is of another program and stays as it is, so `sluice runs` cannot show how "
                "this job stands\n",
                about->kind, path);
        return;
    }
    s->about = *about;
    s->started_wall_ms = clock_wall_ms();
    s->last = (struct progress_view){.total = total, .done = resumed, .resumed = resumed};
    save(s, "running", -1, NULL);
}

void status_note(struct status *s, const struct progress_view *v, int64_t now_us, bool force)
{
    if (!s->started_wall_ms || (!force && now_us - s->written_us < EVERY_US))
        return;
    s->last = *v;
    s->written_us = now_us;
    save(s, "running", -1, NULL);
}

const char *status_word(int exit_code, uint64_t done, uint64_t total)
{
    if (exit_code == 0 || exit_code == 1)
        return total == 0 || done >= total ? "finished" : "stopped";
    return exit_code == EX_TEMPFAIL || exit_code > 128 ? "stopped" : "failed";
}

void status_end(struct status *s, int rc, const struct err *e)
{
    int code = rc >= 0 ? rc : e->code ? e->code : EX_SOFTWARE;

    if (!s->started_wall_ms)
        return;
    save(s, status_word(code, s->last.done, s->last.total), code, e->msg);
    s->started_wall_ms = 0;
}
