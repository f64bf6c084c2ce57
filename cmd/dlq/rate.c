/* rate: see rate.h. */
#include "cmd/dlq/rate.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "task/config.h"

#define GAP_MAX_US (24 * 3600 * 1000000.0)

/* How long the unit behind the number is; 0: there is no such unit. */
static double unit_us(const char *unit)
{
    if (*unit == '\0' || strcmp(unit, "/s") == 0)
        return 1e6;
    if (strcmp(unit, "/m") == 0 || strcmp(unit, "/min") == 0)
        return 60e6;
    return strcmp(unit, "/h") == 0 ? 3600e6 : 0;
}

int rate_parse(struct rate *r, const char *text, struct err *e)
{
    char digits[32] = "";
    double n = 0;
    size_t len = 0;
    double unit = 0;

    *r = (struct rate){0};
    if (!text)
        return 0;
    len = strcspn(text, "/");
    unit = unit_us(text + len);
    if (len >= sizeof digits || unit <= 0)
        goto bad;
    snprintf(digits, sizeof digits, "%.*s", (int)len, text);
    if (config_num(digits, &n) < 0 || n <= 0 || unit / n > GAP_MAX_US)
        goto bad;
    r->gap_us = (int64_t)(unit / n);
    return 0;
bad:
    return err_set(e, EX_USAGE,
                   "--rate %.40s is no rate: write 10/s, 300/m or 1000/h (at least one a day)",
                   text);
}

int64_t rate_take(struct rate *r, int64_t now_us)
{
    if (r->gap_us == 0)
        return 0;
    if (now_us < r->next_us)
        return r->next_us - now_us;
    /* Lateness of less than a step is made up for; a pause is not. */
    r->next_us = now_us - r->next_us < r->gap_us ? r->next_us + r->gap_us : now_us + r->gap_us;
    return 0;
}
