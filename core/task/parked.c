/*
 * parked: the codec of the header. Text, fields apart by one space, the topic last:
 *
 *     1 OWNER-IN-HEX TIMES ATTEMPTS RECEIVED-MS RECORD-MS PARTITION OFFSET TOPIC
 *
 * Whoever may write to the delay topic may write this header. A field that we would not have written makes the
 * whole of it invalid, so that nothing else here has to doubt the numbers.
 */
#include "task/parked.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define DIGITS_MAX 18 /* of a number: it cannot run over */
#define STAMP_MAX  999999999999999999

int parked_format(const struct parked *p, char *out, size_t cap)
{
    int64_t record_ms = p->record_ms >= 0 && p->record_ms <= STAMP_MAX ? p->record_ms : -1;
    char hex[2 * PARKED_OWNER_LEN + 1];

    for (size_t i = 0; i < PARKED_OWNER_LEN; i++)
        snprintf(hex + 2 * i, 3, "%02x", p->owner[i]);
    return snprintf(
        out, cap, "1 %s %" PRId32 " %" PRId32 " %" PRId64 " %" PRId64 " %" PRId32 " %" PRId64 " %s",
        hex, p->times, p->attempts, p->received_ms, record_ms, p->partition, p->offset, p->topic);
}

/* What is left to be read. */
struct rest {
    const char *at;
    size_t len;
};

/* The next field, without the space behind it. False: there is none. */
static bool next(struct rest *r, struct rest *ret)
{
    const char *space = r->len ? memchr(r->at, ' ', r->len) : NULL;

    if (!space || space == r->at)
        return false;
    *ret = (struct rest){r->at, (size_t)(space - r->at)};
    r->len -= ret->len + 1;
    r->at = space + 1;
    return true;
}

/* As printf writes them: no sign but for -1, no zero in front. */
static bool next_number(struct rest *r, int64_t min, int64_t max, int64_t *ret)
{
    struct rest f;
    int64_t v = 0;

    if (!next(r, &f) || f.len > DIGITS_MAX)
        return false;
    if (min < 0 && f.len == 2 && memcmp(f.at, "-1", 2) == 0) {
        *ret = -1;
        return true;
    }
    if (f.len > 1 && f.at[0] == '0')
        return false;
    for (size_t i = 0; i < f.len; i++) {
        if (f.at[i] < '0' || f.at[i] > '9')
            return false;
        v = v * 10 + (f.at[i] - '0');
    }
    *ret = v;
    return v <= max;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool next_owner(struct rest *r, uint8_t ret[PARKED_OWNER_LEN])
{
    struct rest f;

    if (!next(r, &f) || f.len != (size_t)2 * PARKED_OWNER_LEN)
        return false;
    for (size_t i = 0; i < PARKED_OWNER_LEN; i++) {
        int high = hex_digit(f.at[2 * i]);
        int low = hex_digit(f.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool take_topic(const struct rest *r, char ret[PARKED_TOPIC_MAX])
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    if (r->len == 0 || r->len >= PARKED_TOPIC_MAX)
        return false;
    for (size_t i = 0; i < r->len; i++)
        if (!memchr(allowed, r->at[i], sizeof allowed - 1))
            return false;
    memcpy(ret, r->at, r->len);
    ret[r->len] = '\0';
    return true;
}

int parked_parse(const void *value, size_t len, struct parked *ret)
{
    struct rest r = {value, value ? len : 0};
    struct parked p = {0};
    int64_t n[6];
    struct rest version;
    bool good = next(&r, &version) && version.len == 1 && version.at[0] == '1' &&
                next_owner(&r, p.owner) && next_number(&r, 1, PARKED_TIMES_MAX, &n[0]) &&
                next_number(&r, 0, PARKED_CALLS_MAX, &n[1]) &&
                next_number(&r, 0, INT64_MAX, &n[2]) && next_number(&r, -1, INT64_MAX, &n[3]) &&
                next_number(&r, 0, INT32_MAX, &n[4]) && next_number(&r, 0, INT64_MAX, &n[5]) &&
                take_topic(&r, p.topic);

    if (!good || n[0] == 0)
        return -1;
    p.times = (int32_t)n[0];
    p.attempts = (int32_t)n[1];
    p.received_ms = n[2];
    p.record_ms = n[3];
    p.partition = (int32_t)n[4];
    p.offset = n[5];
    *ret = p;
    return 0;
}
