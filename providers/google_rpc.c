/*
 * google_rpc: reads what Google's APIs put beside an error's words. The words themselves lie: a limit
 * of a minute and one of a day are both "your current quota", and only the id of the quota tells.
 */
#include "providers/google_rpc.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"

#define SECONDS_MAX (30LL * 24 * 3600)

/* From the least to the most that a violation says of the chances of another try. */
static const char *const quota_words[] = {"", "quota_per_minute", "quota_per_day",
                                          "quota_limit_zero"};

static struct json_object *item(struct json_object *list, size_t i)
{
    return list && i < json_object_array_length(list) ? json_object_array_get_idx(list, i) : NULL;
}

static size_t rank_violation(struct json_object *violation)
{
    const char *id = json_get_str(violation, "quotaId");
    struct json_object *value = json_get(violation, "quotaValue");

    if (value && strcmp(json_object_get_string(value), "0") == 0)
        return 3;
    if (id && strcasestr(id, "PerDay"))
        return 2;
    return id && strcasestr(id, "PerMinute") ? 1 : 0;
}

const char *google_rpc_detail(struct json_object *details)
{
    const char *reason = "";
    size_t quota = 0;
    size_t i = 0;
    size_t k = 0;
    struct json_object *d = NULL;
    struct json_object *v = NULL;

    if (!json_object_is_type(details, json_type_array))
        return "";
    for (i = 0; (d = item(details, i)); i++) {
        struct json_object *violations = json_get_type(d, "violations", json_type_array);

        for (k = 0; (v = item(violations, k)); k++)
            quota = rank_violation(v) > quota ? rank_violation(v) : quota;
        if (json_get_str(d, "reason"))
            reason = json_get_str(d, "reason");
    }
    return quota ? quota_words[quota] : reason;
}

/* A whole number, also as text: protocol buffers write 64 bits so. -1: none. */
static int64_t number(struct json_object *o, const char *key)
{
    struct json_object *v = json_get(o, key);

    if (json_object_is_type(v, json_type_string) || json_object_is_type(v, json_type_int))
        return json_object_get_int64(v);
    return -1;
}

/* "39s", or {"seconds":39,"nanos":500000000} of which either may be missing. */
static int64_t delay_ms(struct json_object *delay)
{
    int64_t seconds = number(delay, "seconds");
    int64_t nanos = number(delay, "nanos");

    if (json_object_is_type(delay, json_type_string))
        return failure_duration_ms(json_object_get_string(delay));
    if ((seconds < 0 && nanos < 0) || seconds > SECONDS_MAX)
        return -1;
    if (nanos < 0 || nanos > 999999999)
        nanos = 0;
    return (seconds < 0 ? 0 : seconds * 1000) + (nanos + 999999) / 1000000;
}

int64_t google_rpc_wait_ms(struct json_object *details)
{
    struct json_object *d = NULL;
    size_t i = 0;

    if (!json_object_is_type(details, json_type_array))
        return -1;
    for (i = 0; (d = item(details, i)); i++) {
        int64_t ms = json_get(d, "retryDelay") ? delay_ms(json_get(d, "retryDelay")) : -1;

        if (ms >= 0)
            return ms;
    }
    return -1;
}
