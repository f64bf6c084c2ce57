/*
 * json_canonical: RFC 8785 text of a json-c value, so that two requests that mean the same have the
 * same digest. Departs from the RFC in one point: integers of 64 bits are written exactly, because
 * seeds and ids beyond 2^53 must not fall together.
 */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DIGITS_MAX 17 /* enough for any double */

/* value = 0.d1d2...dn * 10^point, or rather d1d2...dn * 10^(point - n). */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int n;
    int point;
};

/* value (finite, > 0) rounded to n significant digits, without zeros at the end. */
static void decimal_of(double value, int n, struct decimal *d)
{
    char text[40];
    char *e = NULL;

    snprintf(text, sizeof text, "%.*e", n - 1, value);
    e = strchr(text, 'e');
    d->digits[0] = text[0];
    if (n > 1)
        memcpy(d->digits + 1, text + 2, (size_t)n - 1);
    d->n = n;
    d->point = (int)strtol(e + 1, NULL, 10) + 1;
    while (d->n > 1 && d->digits[d->n - 1] == '0')
        d->n--;
    d->digits[d->n] = '\0';
}

static bool decimal_is(const struct decimal *d, double value)
{
    char text[40];

    snprintf(text, sizeof text, "%se%d", d->digits, d->point - d->n);
    return strtod(text, NULL) == value;
}

/* The 16 digits just above value's. Below a power of two doubles are twice as dense as above it, so
 * the nearest 16 digits may miss it where the next ones hit. */
static bool decimal_above(double value, struct decimal *d)
{
    int exponent = 0;
    int i = 15;

    if (frexp(value, &exponent) != 0.5)
        return false;
    decimal_of(value, 16, d);
    memset(d->digits + d->n, '0', (size_t)(16 - d->n));
    d->n = 16;
    d->digits[16] = '\0';
    while (i > 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (d->digits[i] == '9')
        return false;
    d->digits[i]++;
    return decimal_is(d, value);
}

/* The fewest digits that read back as value, nearest to it. */
static void shortest(double value, struct decimal *d)
{
    int n = value < 0x1p-1022 ? 1 : 15; /* subnormal numbers may need fewer than 15 */

    for (; n <= 16; n++) {
        decimal_of(value, n, d);
        if (decimal_is(d, value))
            return;
    }
    if (!decimal_above(value, d))
        decimal_of(value, DIGITS_MAX, d);
}

static int zeros(struct buf *out, int n)
{
    int bad = 0;

    while (n-- > 0)
        bad |= buf_char(out, '0');
    return bad;
}

/* ECMA-262 Number::toString. */
static int put_decimal(const struct decimal *d, struct buf *out)
{
    size_t n = (size_t)d->n;
    int bad = 0;

    if (d->point >= d->n && d->point <= 21) {
        bad |= buf_append(out, d->digits, n);
        return bad | zeros(out, d->point - d->n);
    }
    if (d->point > 0 && d->point <= 21) {
        bad |= buf_append(out, d->digits, (size_t)d->point);
        bad |= buf_char(out, '.');
        return bad | buf_append(out, d->digits + d->point, n - (size_t)d->point);
    }
    if (d->point > -6 && d->point <= 0) {
        bad |= buf_append(out, "0.", 2);
        bad |= zeros(out, -d->point);
        return bad | buf_append(out, d->digits, n);
    }
    bad |= buf_char(out, d->digits[0]);
    if (n > 1) {
        bad |= buf_char(out, '.');
        bad |= buf_append(out, d->digits + 1, n - 1);
    }
    return bad | buf_printf(out, "e%+d", d->point - 1);
}

static int put_double(double value, struct buf *out)
{
    struct decimal d;

    if (!isfinite(value))
        return buf_append(out, "null", 4);
    if (value == 0)
        return buf_char(out, '0');
    if (value < 0 && buf_char(out, '-') < 0)
        return -1;
    shortest(fabs(value), &d);
    return put_decimal(&d, out);
}

static int put_int(struct json_object *o, struct buf *out)
{
    int64_t v = json_object_get_int64(o);

    if (v == INT64_MAX) /* or above it: json-c holds unsigned values too */
        return buf_printf(out, "%" PRIu64, json_object_get_uint64(o));
    return buf_printf(out, "%" PRId64, v);
}

/*
 * Order of UTF-16 code units. It is the order of UTF-8 bytes but for one thing: characters beyond
 * U+FFFF (lead byte from 0xf0) are surrogates in UTF-16 and come before U+E000..U+FFFF (0xee,
 * 0xef).
 */
static int compare_utf16(const unsigned char *a, const unsigned char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (*a >= 0xee && *b >= 0xee && (*a >= 0xf0) != (*b >= 0xf0))
        return *a >= 0xf0 ? -1 : 1;
    return (int)*a - (int)*b;
}

static int compare_names(const void *pa, const void *pb)
{
    const struct lh_entry *a = *(const struct lh_entry *const *)pa;
    const struct lh_entry *b = *(const struct lh_entry *const *)pb;

    return compare_utf16(lh_entry_k(a), lh_entry_k(b));
}

static int put_members(struct lh_entry *const *members, size_t n, struct buf *out)
{
    int bad = buf_char(out, '{');

    for (size_t i = 0; i < n && !bad; i++) {
        const char *name = lh_entry_k(members[i]);

        if (i > 0)
            bad |= buf_char(out, ',');
        bad |= buf_json_str(out, name, strlen(name));
        bad |= buf_char(out, ':');
        bad |= json_canonical((struct json_object *)lh_entry_v(members[i]), out);
    }
    return bad | buf_char(out, '}');
}

int json_canonical_without(struct json_object *o,
                           bool (*leaves_out)(const void *arg, const char *name), const void *arg,
                           struct buf *out)
{
    size_t most = (size_t)json_object_object_length(o);
    struct lh_entry *local[32];
    CLEANUP_FREE struct lh_entry **heap =
        most > ARRAY_LEN(local) ? mem_array(most, sizeof *heap) : NULL;
    struct lh_entry **members = heap ? heap : local;
    struct lh_entry *m;
    size_t n = 0;

    lh_foreach(json_object_get_object(o), m)
    {
        if (!leaves_out || !leaves_out(arg, lh_entry_k(m)))
            members[n++] = m;
    }
    qsort(members, n, sizeof *members, compare_names);
    return put_members(members, n, out);
}

static int put_array(struct json_object *o, struct buf *out)
{
    size_t n = json_object_array_length(o);
    size_t i = 0;
    int bad = buf_char(out, '[');

    for (i = 0; i < n && !bad; i++) {
        if (i > 0)
            bad |= buf_char(out, ',');
        bad |= json_canonical(json_object_array_get_idx(o, i), out);
    }
    return bad | buf_char(out, ']');
}

int json_canonical(struct json_object *o, struct buf *out)
{
    switch (json_object_get_type(o)) {
    case json_type_null:
        return buf_append(out, "null", 4);
    case json_type_boolean:
        return buf_str(out, json_object_get_boolean(o) ? "true" : "false");
    case json_type_int:
        return put_int(o, out);
    case json_type_double:
        return put_double(json_object_get_double(o), out);
    case json_type_string:
        return buf_json_str(out, json_object_get_string(o), (size_t)json_object_get_string_len(o));
    case json_type_array:
        return put_array(o, out);
    case json_type_object:
        return json_canonical_without(o, NULL, NULL, out);
    }
    return -1;
}
