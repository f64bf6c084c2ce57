/* view: see view.h. A member that is missing or of another type is left out or shown as "-": the file may be of another
 * version, or of anybody. */
#include "cmd/runs/view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define TEXT_MAX 4096

static long long whole(struct json_object *o, const char *key)
{
    return (long long)json_get_int(o, key, 0);
}

static void put_text(struct buf *out, const char *text)
{
    char plain[TEXT_MAX];

    snprintf(plain, sizeof plain, "%s", text && *text ? text : "-");
    buf_str(out, utf8_plain(plain));
}

/* A text of the file, in a column of its own (negative: to the left). */
static void put_cell(struct buf *out, const char *text, int width)
{
    char plain[64];

    snprintf(plain, sizeof plain, "%.40s", text && *text ? text : "-");
    buf_printf(out, "%*s", width, utf8_plain(plain));
}

/* "2026-11-29T09:40:48Z" of any RFC 3339 time; "-" of anything else. */
static void put_time(struct buf *out, const char *text)
{
    int64_t wall_ms = 0;
    char when[40] = "";

    if (text && clock_parse_rfc3339(text, &wall_ms) == 0) {
        clock_format_rfc3339(wall_ms, when, sizeof when);
        snprintf(when + 19, sizeof when - 19, "Z");
    }
    put_cell(out, when, -20);
}

static void cost_of(struct json_object *o, char *out, size_t cap)
{
    struct json_object *cost = json_get(o, "cost_usd");
    bool unknown = whole(o, "cost_unknown") > 0;

    if (!cost || (unknown && json_object_get_double(cost) <= 0))
        snprintf(out, cap, "%s", cost ? "unknown" : "-");
    else
        snprintf(out, cap, "%s$%.4f", unknown ? ">=" : "", json_object_get_double(cost));
}

static void done_of(struct json_object *o, char *out, size_t cap)
{
    if (json_get(o, "done"))
        snprintf(out, cap, "%lld/%lld", whole(o, "done"), whole(o, "total"));
    else
        snprintf(out, cap, "-/%lld", whole(o, "total"));
}

void view_head(struct buf *out)
{
    buf_str(out, "STATE        KIND          DONE/TOTAL  FAILED        COST  STARTED               "
                 "ENDED                 FILE\n");
}

void view_row(struct json_object *o, struct buf *out)
{
    char done[48];
    char cost[48];

    done_of(o, done, sizeof done);
    cost_of(o, cost, sizeof cost);
    put_cell(out, json_get_str(o, "state"), -12);
    buf_char(out, ' ');
    put_cell(out, json_get_str(o, "kind"), -8);
    buf_printf(out, " %15s %7lld %11s  ", done, whole(o, "failed"), cost);
    put_time(out, json_get_str(o, "started_at"));
    buf_str(out, "  ");
    put_time(out, json_get_str(o, "ended_at"));
    buf_str(out, "  ");
    put_text(out, json_get_str(o, "path"));
    buf_char(out, '\n');
}

/* Seconds since the job began, up to its end or to now; at most what the clock says; 0: not known. */
static double seconds_of(struct json_object *o, int64_t now_wall_ms)
{
    const char *began = json_get_str(o, "started_at");
    const char *ended = json_get_str(o, "ended_at");
    int64_t from = 0;
    int64_t to = now_wall_ms;

    if (!began || clock_parse_rfc3339(began, &from) < 0 ||
        (ended && clock_parse_rfc3339(ended, &to) < 0) || to < from)
        return 0;
    return (double)(to - from) / 1000;
}

/* Rows a second in this run of the job; 0: not known. */
static double pace_of(struct json_object *o, int64_t now_wall_ms)
{
    double seconds = seconds_of(o, now_wall_ms);
    long long fresh = whole(o, "done") - whole(o, "resumed");

    return seconds > 0 && fresh > 0 ? (double)fresh / seconds : 0;
}

static bool is_running(struct json_object *o)
{
    const char *state = json_get_str(o, "state");

    return state && strcmp(state, "running") == 0;
}

/* Seconds to the end at this pace; -1: not known. */
static long long eta_of(struct json_object *o, int64_t now_wall_ms)
{
    double pace = pace_of(o, now_wall_ms);
    long long left = whole(o, "total") - whole(o, "done");

    return is_running(o) && pace > 0 && left > 0 ? (long long)((double)left / pace + 0.5) : -1;
}

static void put_line(struct buf *out, const char *name, const char *text, int *lines)
{
    if (!text)
        return;
    buf_printf(out, "  %-10s ", name);
    put_text(out, text);
    buf_char(out, '\n');
    *lines += 1;
}

static void put_state(struct buf *out, struct json_object *o, int *lines)
{
    struct json_object *code = json_get(o, "exit_code");

    buf_str(out, "  state      ");
    put_text(out, json_get_str(o, "state"));
    if (code)
        buf_printf(out, " (exit code %lld)", whole(o, "exit_code"));
    buf_char(out, '\n');
    *lines += 1;
    put_line(out, "why", json_get_str(o, "why"), lines);
    put_line(out, "phase", json_get_str(o, "phase"), lines);
    put_line(out, "limited by", json_get_str(o, "limited_by"), lines);
}

static void put_counts(struct buf *out, struct json_object *o, int64_t now_wall_ms, int *lines)
{
    char cost[48];
    long long eta = eta_of(o, now_wall_ms);

    cost_of(o, cost, sizeof cost);
    if (json_get(o, "sent"))
        buf_printf(out, "  sent       %lld of %lld\n", whole(o, "sent"), whole(o, "total"));
    else if (!json_get(o, "done"))
        buf_printf(out, "  rows       %lld\n", whole(o, "total"));
    else
        buf_printf(out, "  done       %lld of %lld: %lld failed, %lld cached\n", whole(o, "done"),
                   whole(o, "total"), whole(o, "failed"), whole(o, "cached"));
    *lines += 1;
    if (!json_get(o, "done"))
        return;
    if (is_running(o))
        buf_printf(out, "  under way  %lld, %lld waiting\n", whole(o, "in_flight"),
                   whole(o, "retrying"));
    buf_printf(out, "  cost       %s\n  pace       %.1f/s", cost, pace_of(o, now_wall_ms));
    if (eta >= 0)
        buf_printf(out, ", %lld:%02lld:%02lld to go", eta / 3600, eta / 60 % 60, eta % 60);
    buf_char(out, '\n');
    *lines += is_running(o) ? 3 : 2;
}

int view_block(struct json_object *o, int64_t now_wall_ms, struct buf *out)
{
    static const char *const rows[][2] = {
        {"kind", "kind"},   {"id", "id"},         {"started", "started_at"}, {"ended", "ended_at"},
        {"input", "input"}, {"output", "output"}, {"errors", "error_file"}};
    int lines = 1;

    put_text(out, json_get_str(o, "path"));
    buf_char(out, '\n');
    put_state(out, o, &lines);
    put_counts(out, o, now_wall_ms, &lines);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        put_line(out, rows[i][0], json_get_str(o, rows[i][1]), &lines);
    return lines;
}

void view_line(struct json_object *o, int64_t now_wall_ms, struct buf *out)
{
    char cost[48];

    cost_of(o, cost, sizeof cost);
    put_text(out, json_get_str(o, "state"));
    buf_printf(out,
               " done=%lld total=%lld failed=%lld cached=%lld inflight=%lld cost=%s eta_s=%lld",
               whole(o, "done"), whole(o, "total"), whole(o, "failed"), whole(o, "cached"),
               whole(o, "in_flight"), cost, eta_of(o, now_wall_ms));
    if (json_get_str(o, "limited_by")) {
        buf_str(out, " limited_by=\"");
        put_text(out, json_get_str(o, "limited_by"));
        buf_char(out, '"');
    }
    if (json_get(o, "exit_code"))
        buf_printf(out, " exit_code=%lld", whole(o, "exit_code"));
    buf_char(out, '\n');
}
