/*
 * hint: reads how long a provider asks us to wait.
 *
 * Each provider has its own header and its own way to write a duration; all of them are read here and
 * nowhere else. Numbers are kept as integers, so that rounding never takes a millisecond away from
 * what was asked for. What cannot be read is no hint: the caller then falls back to its own back-off.
 */
#include "policy/hint.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"

#define DAY_MS        ((int64_t)24 * 3600 * 1000)
#define WAIT_MAX_MS   (31 * DAY_MS) /* what is counted by the month begins anew within that */
#define EPOCH_MS_FROM ((int64_t)100000000000) /* a number this large counts milliseconds */
#define VALUE_MAX     128
#define NANO          ((int64_t)1000000000)
#define DIGITS_MAX    15 /* of the whole part of a number */

/* A non-negative decimal number. */
struct number {
    int64_t whole;
    int64_t nano; /* fraction in units of 1e-9 */
    bool crumb;   /* there was more of the fraction than nano holds */
    const char *end;
};

static bool read_number(const char *s, struct number *ret)
{
    struct number n = {0};
    int64_t unit = NANO;
    int digits = 0;

    for (; isdigit((unsigned char)*s); s++) {
        if (++digits > DIGITS_MAX)
            return false;
        n.whole = n.whole * 10 + (*s - '0');
    }
    if (*s == '.') {
        s++;
        if (!isdigit((unsigned char)*s))
            return false;
        for (; isdigit((unsigned char)*s); s++, digits++) {
            unit /= 10;
            n.nano += unit * (*s - '0');
            n.crumb |= unit == 0 && *s != '0';
        }
    }
    n.end = s;
    *ret = n;
    return digits > 0;
}

struct unit {
    const char *name;
    int64_t nano;
};

static const struct unit units[] = {
    {"h", 3600 * NANO}, {"ms", NANO / 1000}, {"m", 60 * NANO}, {"s", NANO},
    {"us", 1000},       {"\xc2\xb5s", 1000}, {"ns", 1},        {"d", 24 * 3600 * NANO},
};

/* The unit that s begins with, and how long its name is. */
static const struct unit *read_unit(const char *s, size_t *ret_len)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(units); i++) {
        size_t n = strlen(units[i].name);

        if (strncmp(s, units[i].name, n) == 0) {
            *ret_len = n;
            return &units[i];
        }
    }
    return NULL;
}

static bool blank(const char *s)
{
    return s[strspn(s, " \t\r")] == '\0';
}

/* A duration in which a bare number counts `bare` nanoseconds. -1: unreadable or longer than 31 days. */
static int64_t duration_ms(const char *s, int64_t bare)
{
    const __int128 max = (__int128)WAIT_MAX_MS * (NANO / 1000);
    __int128 sum = 0;
    struct number n;
    bool first = true;

    s += strspn(s, " \t");
    do {
        const struct unit *u = NULL;
        int64_t scale = bare;
        size_t len = 0;

        if (!read_number(s, &n))
            return -1;
        u = read_unit(n.end, &len);
        if (u)
            scale = u->nano;
        else if (!first || !blank(n.end))
            return -1;
        sum += (__int128)n.whole * scale;
        sum += ((__int128)n.nano * scale + NANO - 1) / NANO + n.crumb;
        if (sum > max)
            return -1;
        s = n.end + len;
        first = false;
    } while (!blank(s));
    return (int64_t)((sum + NANO / 1000 - 1) / (NANO / 1000));
}

int64_t hint_duration_ms(const char *text)
{
    return duration_ms(text, NANO);
}

static int month_of(const char *name)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(name, names[i]) == 0)
            return (int)i + 1;
    }
    return 0;
}

struct date {
    int year, month, day, hour, minute, second;
};

/* Days since 1970-01-01 of a Gregorian date. */
static int64_t days_of(const struct date *d)
{
    int64_t y = d->month <= 2 ? d->year - 1 : d->year;
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (d->month + (d->month > 2 ? -3 : 9)) + 2) / 5 + d->day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool date_ms(const struct date *d, int64_t *ret_wall_ms)
{
    if (d->year < 1970 || d->month < 1 || d->day < 1 || d->day > 31)
        return false;
    if (d->hour < 0 || d->hour > 23 || d->minute < 0 || d->minute > 59 || d->second < 0 ||
        d->second > 60)
        return false;
    *ret_wall_ms =
        (((days_of(d) * 24 + d->hour) * 60 + d->minute) * 60 + d->second) * (int64_t)1000;
    return true;
}

/* The three forms of an HTTP date (RFC 9110, 5.6.7), all of them in GMT. */
static bool read_http_date(const char *s, int64_t now_wall_ms, int64_t *ret_wall_ms)
{
    struct date d = {0};
    char month[4] = "";
    char zone[4] = "";
    int end = 0;
    int this_year = 1970 + (int)(now_wall_ms / (DAY_MS * 365));

    if (sscanf(s, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d %3[A-Z]%n", &d.day, month, &d.year,
               &d.hour, &d.minute, &d.second, zone, &end) == 7) {
        if (strcmp(zone, "GMT") != 0 && strcmp(zone, "UTC") != 0)
            return false;
    } else if (sscanf(s, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &d.day, month,
                      &d.year, &d.hour, &d.minute, &d.second, &end) == 6 &&
               end > 0) {
        d.year += 2000;
        if (d.year > this_year + 50)
            d.year -= 100;
    } else if (sscanf(s, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month, &d.day, &d.hour,
                      &d.minute, &d.second, &d.year, &end) != 6) {
        return false;
    }
    d.month = month_of(month);
    return blank(s + end) && date_ms(&d, ret_wall_ms);
}

/* From now to a date; a past one is 0, one that is too far away is no hint. */
static int64_t until_ms(int64_t wall_ms, int64_t now_wall_ms)
{
    if (wall_ms <= now_wall_ms)
        return 0;
    return wall_ms - now_wall_ms > WAIT_MAX_MS ? -1 : wall_ms - now_wall_ms;
}

static int64_t date_wait_ms(const char *s, int64_t now_wall_ms)
{
    int64_t wall_ms = 0;

    s += strspn(s, " \t");
    if (!read_http_date(s, now_wall_ms, &wall_ms) && clock_parse_rfc3339(s, &wall_ms) < 0)
        return -1;
    return until_ms(wall_ms, now_wall_ms);
}

/* A wait in one of the forms of a header: what a bare number counts, or a date. */
static int64_t wait_ms(const char *s, int64_t bare, int64_t now_wall_ms)
{
    int64_t ms = duration_ms(s, bare);

    return ms >= 0 ? ms : date_wait_ms(s, now_wall_ms);
}

/* Seconds while that is plausible, else a point in time since 1970 in seconds or milliseconds. */
static int64_t epoch_wait_ms(const char *s, int64_t now_wall_ms)
{
    struct number n;
    int64_t ms = wait_ms(s, NANO, now_wall_ms);

    if (ms >= 0)
        return ms;
    s += strspn(s, " \t");
    if (!read_number(s, &n) || !blank(n.end))
        return -1;
    ms = n.whole + (n.nano > 0 || n.crumb);
    if (ms < EPOCH_MS_FROM)
        ms = n.whole * 1000 + (n.nano + NANO / 1000 - 1) / (NANO / 1000) + n.crumb;
    return until_ms(ms, now_wall_ms);
}

typedef int64_t read_fn(const char *value, int64_t now_wall_ms);

static int64_t read_ms(const char *value, int64_t now_wall_ms)
{
    return wait_ms(value, NANO / 1000, now_wall_ms);
}

static int64_t read_s(const char *value, int64_t now_wall_ms)
{
    return wait_ms(value, NANO, now_wall_ms);
}

/* One value, or several with commas between them, as proxies join headers of one name: the longest. A date
 * has a comma of its own, so the whole is read first. */
static int64_t read_value(const char *value, read_fn *read, int64_t now_wall_ms)
{
    int64_t most = read(value, now_wall_ms);
    char part[VALUE_MAX];

    if (most >= 0 || !strchr(value, ','))
        return most;
    while (*value) {
        size_t n = strcspn(value, ",");
        int64_t ms = 0;

        snprintf(part, sizeof part, "%.*s", (int)n, value);
        ms = read(part, now_wall_ms);
        most = ms > most ? ms : most;
        value += n;
        value += *value == ',';
    }
    return most;
}

/* The longest wait among all headers of this name: a proxy may have added its own. */
static int64_t header_wait_ms(const struct http_response *rsp, const char *name, read_fn *read,
                              int64_t now_wall_ms)
{
    const char *line = rsp->headers.data;
    size_t name_len = strlen(name);
    int64_t most = -1;

    while (line && *line) {
        const char *end = strchrnul(line, '\n');
        char value[VALUE_MAX];
        int64_t ms = 0;

        if ((size_t)(end - line) > name_len && strncmp(line, name, name_len) == 0 &&
            line[name_len] == ':') {
            const char *v = line + name_len + 1;

            if (end - v < VALUE_MAX) {
                snprintf(value, sizeof value, "%.*s", (int)(end - v), v);
                ms = read_value(value, read, now_wall_ms);
                most = ms > most ? ms : most;
            }
        }
        line = *end ? end + 1 : NULL;
    }
    return most;
}

/* A dimension of a rate limit: how much remains until when, of what. */
struct dimension {
    const char *remaining;
    const char *reset;
    const char *limit;
    enum learn_kind kind;
    enum { AT_RESET, STEADY, STEADY_WITH_UNIT } refill;
};

/* OpenAI and those like it fill up all the time, and their reset is a duration with a unit. A bare number of seconds
 * in headers of the same name is the end of a window (Azure). */
static const struct dimension dimensions[] = {
    {"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "x-ratelimit-limit-requests",
     LEARN_REQUESTS, STEADY_WITH_UNIT},
    {"x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", "x-ratelimit-limit-tokens",
     LEARN_TOKENS, STEADY_WITH_UNIT},
    {"anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset",
     "anthropic-ratelimit-requests-limit", LEARN_REQUESTS, STEADY},
    {"anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset",
     "anthropic-ratelimit-tokens-limit", LEARN_TOKENS, STEADY},
    {"anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset",
     "anthropic-ratelimit-input-tokens-limit", LEARN_TOKENS, STEADY},
    {"anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset",
     "anthropic-ratelimit-output-tokens-limit", LEARN_TOKENS, STEADY},
    {"x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day",
     "x-ratelimit-limit-requests-day", LEARN_REQUESTS, AT_RESET},
    {"x-ratelimit-remaining-requests-minute", "x-ratelimit-reset-requests-minute",
     "x-ratelimit-limit-requests-minute", LEARN_REQUESTS, AT_RESET},
    {"x-ratelimit-remaining-tokens-day", "x-ratelimit-reset-tokens-day",
     "x-ratelimit-limit-tokens-day", LEARN_TOKENS, AT_RESET},
    {"x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute",
     "x-ratelimit-limit-tokens-minute", LEARN_TOKENS, AT_RESET},
    {"x-ratelimitbysize-remaining-minute", "ratelimitbysize-reset",
     "x-ratelimitbysize-limit-minute", LEARN_TOKENS, AT_RESET},
    {"x-ratelimitbysize-remaining-month", "ratelimitbysize-reset", "x-ratelimitbysize-limit-month",
     LEARN_TOKENS, AT_RESET},
};

static bool is_zero(const struct http_response *rsp, const char *name)
{
    char value[VALUE_MAX];
    struct number n;

    if (!http_response_header(rsp, name, value, sizeof value))
        return false;
    return read_number(value, &n) && blank(n.end) && n.whole == 0 && n.nano == 0 && !n.crumb;
}

static int64_t dimension_wait_ms(const struct http_response *rsp, int64_t now_wall_ms)
{
    int64_t most = -1;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(dimensions); i++) {
        int64_t ms = -1;

        if (is_zero(rsp, dimensions[i].remaining))
            ms = header_wait_ms(rsp, dimensions[i].reset, read_s, now_wall_ms);
        most = ms > most ? ms : most;
    }
    return most;
}

int64_t hint_wait_ms(const struct http_response *rsp, const struct answer *ans, int64_t now_wall_ms)
{
    int64_t body = ans && ans->retry_after_ms <= WAIT_MAX_MS ? ans->retry_after_ms : -1;
    const int64_t hints[] = {
        header_wait_ms(rsp, "retry-after-ms", read_ms, now_wall_ms),
        header_wait_ms(rsp, "x-ms-retry-after-ms", read_ms, now_wall_ms),
        header_wait_ms(rsp, "retry-after", read_s, now_wall_ms),
        body,
        dimension_wait_ms(rsp, now_wall_ms),
        header_wait_ms(rsp, "x-ratelimit-reset", epoch_wait_ms, now_wall_ms),
    };
    int64_t ms = -1;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(hints) && ms <= 0; i++) {
        if (hints[i] > ms)
            ms = hints[i];
    }
    return ms;
}

/* A whole number; -1: none is there, or it is nonsense. */
static int64_t read_count(const struct http_response *rsp, const char *name)
{
    char value[VALUE_MAX];
    struct number n;

    if (!http_response_header(rsp, name, value, sizeof value))
        return -1;
    return read_number(value, &n) && blank(n.end) && n.nano == 0 && !n.crumb ? n.whole : -1;
}

static bool has_unit(const struct http_response *rsp, const char *name)
{
    char value[VALUE_MAX];

    if (!http_response_header(rsp, name, value, sizeof value))
        return false;
    return value[strspn(value, "0123456789. \t\r")] != '\0';
}

static struct allowance read_dimension(const struct http_response *rsp, const struct dimension *d,
                                       int64_t now_wall_ms)
{
    struct allowance a = {.left = read_count(rsp, d->remaining)};

    if (a.left < 0)
        return a;
    a.limit = read_count(rsp, d->limit);
    a.reset_ms = header_wait_ms(rsp, d->reset, read_s, now_wall_ms);
    a.known = a.reset_ms > 0 && a.limit != 0 && (a.limit < 0 || a.left <= a.limit);
    a.steady = d->refill == STEADY || (d->refill == STEADY_WITH_UNIT && has_unit(rsp, d->reset));
    return a;
}

bool hint_allowance(const struct http_response *rsp, int64_t now_wall_ms,
                    struct allowance ret[LEARN_KINDS])
{
    bool any = false;
    size_t i = 0;

    memset(ret, 0, sizeof *ret * LEARN_KINDS);
    if (!rsp->headers.data || !strstr(rsp->headers.data, "ratelimit"))
        return false;
    for (i = 0; i < ARRAY_LEN(dimensions); i++) {
        struct allowance a = read_dimension(rsp, &dimensions[i], now_wall_ms);
        struct allowance *least = &ret[dimensions[i].kind];

        if (a.known && (!least->known || a.left < least->left))
            *least = a;
        any |= a.known;
    }
    return any;
}

int hint_should_retry(const struct http_response *rsp)
{
    char value[VALUE_MAX];
    size_t n = 0;

    if (!http_response_header(rsp, "x-should-retry", value, sizeof value))
        return -1;
    n = strcspn(value, " \t\r");
    if (n == 4 && strncasecmp(value, "true", 4) == 0)
        return 1;
    return n == 5 && strncasecmp(value, "false", 5) == 0 ? 0 : -1;
}
