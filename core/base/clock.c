/* clock: monotonic and wall time, RFC 3339 both ways. Fact source: RFC 3339 section 5.6. */
#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_mono_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A thread asks for the same second thousands of times: what gmtime_r(), which takes a lock of the process, and
 * snprintf() have made of the last one is kept. */
void clock_format_rfc3339(int64_t wall_ms, char *out, size_t cap)
{
    static _Thread_local char second[80];
    static _Thread_local int64_t second_of = INT64_MIN;
    int64_t s = wall_ms / 1000;
    int ms = (int)(wall_ms % 1000);
    char end[] = {'.', '0', '0', '0', 'Z', '\0'};
    size_t n = 0;

    if (ms < 0) {
        ms += 1000;
        s--;
    }
    if (s != second_of) {
        struct tm tm;

        gmtime_r(&(time_t){s}, &tm);
        snprintf(second, sizeof second, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        second_of = s;
    }
    for (int i = 3; i > 0; i--, ms /= 10)
        end[i] = (char)('0' + ms % 10);
    n = strlen(second);
    assert(n + sizeof end <= cap);
    memcpy(out, second, n);
    memcpy(out + n, end, sizeof end);
}

/* Parses ".123" into milliseconds and gives the place behind it. */
static const char *parse_fraction(const char *p, int *ret_ms)
{
    int scale = 100;

    *ret_ms = 0;
    if (*p != '.')
        return p;
    for (p++; *p >= '0' && *p <= '9'; p++) {
        *ret_ms += (*p - '0') * scale;
        scale /= 10;
    }
    return p;
}

/* Parses "Z" or "+02:00" into seconds east of UTC. */
static int parse_zone(const char *p, int *ret_seconds)
{
    int h = 0;
    int m = 0;
    int n = 0;

    *ret_seconds = 0;
    if ((*p == 'Z' || *p == 'z') && p[1] == '\0')
        return 0;
    if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d%n", &h, &m, &n) != 2 || n != 5 ||
        p[6] != '\0' || h < 0 || h > 23 || m < 0 || m > 59)
        return -1;
    *ret_seconds = (h * 3600 + m * 60) * (*p == '-' ? -1 : 1);
    return 0;
}

int clock_parse_rfc3339(const char *text, int64_t *ret_wall_ms)
{
    struct tm tm = {0};
    int n = 0;
    int ms = 0;
    int zone = 0;
    char sep = 0;

    if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &sep,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 7 ||
        n != 19 || !strchr("Tt ", sep))
        return -1;
    if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 ||
        tm.tm_sec > 60)
        return -1;
    if (parse_zone(parse_fraction(text + n, &ms), &zone) < 0)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret_wall_ms = ((int64_t)timegm(&tm) - zone) * 1000 + ms;
    return 0;
}
