/* filter: see filter.h. Patterns are those of a shell: *, ? and [...]. */
#include "cmd/dlq/filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"

int filter_time(const char *text, int64_t now_wall_ms, int64_t *ret_wall_ms)
{
    char day[sizeof "2026-12-01T00:00:00Z"];
    int64_t ago_ms = 0;

    if (config_duration(text, &ago_ms) == 0) {
        *ret_wall_ms = now_wall_ms - ago_ms;
        return 0;
    }
    if (strlen(text) == strlen("2026-12-01")) {
        snprintf(day, sizeof day, "%.10sT00:00:00Z", text);
        return clock_parse_rfc3339(day, ret_wall_ms);
    }
    return clock_parse_rfc3339(text, ret_wall_ms);
}

static int set_time(const char *name, const char *text, int64_t now_wall_ms, int64_t *ret,
                    struct err *e)
{
    if (!text || filter_time(text, now_wall_ms, ret) == 0)
        return 0;
    return err_set(e, EX_USAGE,
                   "--%s %.60s is no time: write 2026-12-01T08:00:00Z, 2026-12-01, or 2h for two "
                   "hours ago",
                   name, text);
}

int filter_init(struct filter *f, const struct filter_options *o, int64_t now_wall_ms,
                struct err *e)
{
    *f = (struct filter){.o = o, .since_ms = INT64_MIN, .until_ms = INT64_MAX};
    if (set_time("since", o->since, now_wall_ms, &f->since_ms, e) < 0 ||
        set_time("until", o->until, now_wall_ms, &f->until_ms, e) < 0)
        return -1;
    if (f->since_ms >= f->until_ms)
        return err_set(e, EX_USAGE, "--since is not before --until: nothing can lie between them");
    return 0;
}

bool filter_wants_id(const struct filter *f)
{
    return f->o->match.count > 0;
}

/* No pattern takes everything, a text that is not there only that. */
static bool one_matches(const struct option_list *patterns, const char *at, size_t len)
{
    CLEANUP_FREE char *text = mem_dup(at, len);
    size_t i = 0;

    for (i = 0; text && i < patterns->count; i++)
        if (fnmatch(patterns->at[i], text, 0) == 0)
            return true;
    return patterns->count == 0;
}

bool filter_takes(const struct filter *f, const struct letter *l, const char *id)
{
    const struct kafka_record *r = l->record;

    if (r->timestamp_ms < f->since_ms && f->since_ms != INT64_MIN)
        return false;
    if (r->timestamp_ms >= f->until_ms)
        return false;
    if (!one_matches(&f->o->codes, l->code.at, l->code.len) ||
        !one_matches(&f->o->topics, l->topic, strlen(l->topic)))
        return false;
    return one_matches(&f->o->match, r->key, r->key_len) ||
           (id && one_matches(&f->o->match, id, strlen(id)));
}
