/*
 * json_scan: the strict reader behind json_check(). It walks the text once and says whether json-c
 * may have it; it builds nothing. Work is linear in the text, but for the duplicate keys of one
 * object, which are sorted (n log n), so that hostile objects of many keys stay cheap.
 */
#include "base/json_scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json_keys.h"
#include "base/mem.h"
#include "base/utf8.h"

#define SCAN_DEPTH_MAX 256 /* bound of the recursion, whatever the caller asks for */

struct scan {
    const char *text;
    const char *p;
    const char *end;
    int depth;
    int max_depth;
    bool strict;
    struct json_keys keys;
    char *arena; /* unescaped keys; as large as the text, made when first needed */
    size_t arena_used;
    struct err *e;
};

static int value(struct scan *s);

static size_t offset(const struct scan *s, const char *at)
{
    return (size_t)(at - s->text);
}

static int fail(struct scan *s, const char *at, const char *what)
{
    return err_set(s->e, EX_DATAERR, "byte %zu: %s", offset(s, at), what);
}

static int fail_expected(struct scan *s, const char *what)
{
    unsigned char c = 0;

    if (s->p == s->end)
        return err_set(s->e, EX_DATAERR, "byte %zu: the text ends where %s should be",
                       offset(s, s->p), what);
    c = (unsigned char)*s->p;
    if (c < 0x20 || c >= 0x7f)
        return err_set(s->e, EX_DATAERR, "byte %zu: expected %s, found byte 0x%02x",
                       offset(s, s->p), what, c);
    return err_set(s->e, EX_DATAERR, "byte %zu: expected %s, found '%c'", offset(s, s->p), what, c);
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

/* Eight bytes at once: is each of them printable ASCII other than '"' and '\\'? */
static bool plain8(const char *p)
{
    const uint64_t ones = 0x0101010101010101ULL;
    const uint64_t high = 0x8080808080808080ULL;
    uint64_t w = 0;
    uint64_t quote = 0;
    uint64_t slash = 0;

    memcpy(&w, p, 8);
    quote = w ^ (ones * '"');
    slash = w ^ (ones * '\\');
    return !(
        (w | ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
        high);
}

static int hex4(const char *p, const char *end)
{
    int v = 0;
    int i = 0;

    if (end - p < 4)
        return -1;
    for (i = 0; i < 4; i++) {
        char c = p[i];

        v <<= 4;
        if (c >= '0' && c <= '9')
            v |= c - '0';
        else if (c >= 'a' && c <= 'f')
            v |= c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
            v |= c - 'A' + 10;
        else
            return -1;
    }
    return v;
}

/* At the four digits behind "\u"; moves behind the escape (or the pair) and gives the code point.
 */
static int unicode_escape(struct scan *s, uint32_t *ret)
{
    const char *at = s->p - 2;
    int high = hex4(s->p, s->end);
    int low = 0;

    if (high < 0)
        return fail(s, at, "\\u needs four hexadecimal digits");
    s->p += 4;
    *ret = (uint32_t)high;
    if (high == 0 && s->strict)
        return fail(s, at, "\\u0000 is not accepted; remove the NUL character");
    if (high < 0xd800 || high > 0xdfff)
        return 0;
    if (high < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u') {
        low = hex4(s->p + 2, s->end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            s->p += 6;
            *ret = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
            return 0;
        }
    }
    if (s->strict)
        return fail(s, at, "lone surrogate; write the character as a \\u pair or as UTF-8");
    *ret = 0xfffd;
    return 0;
}

/* At the byte behind a backslash. */
static int escape(struct scan *s, uint32_t *ret)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *hit = NULL;

    if (s->p == s->end)
        return fail(s, s->p, "the text ends inside a string");
    if (*s->p == 'u') {
        s->p++;
        return unicode_escape(s, ret);
    }
    hit = *s->p ? strchr(from, *s->p) : NULL;
    if (!hit)
        return fail(s, s->p - 1,
                    "unknown escape in a string; only \\\" \\\\ \\/ \\b \\f \\n \\r \\t "
                    "and \\uXXXX exist");
    *ret = (unsigned char)to[hit - from];
    s->p++;
    return 0;
}

/* One step inside a string at a byte that is not plain. 1: the string ends here. */
static int string_step(struct scan *s, bool *escaped)
{
    unsigned char c = (unsigned char)*s->p;
    uint32_t point = 0;
    int len = 0;

    if (c == '"')
        return 1;
    if (c == '\\') {
        s->p++;
        *escaped = true;
        return escape(s, &point);
    }
    if (c < 0x20)
        return fail(s, s->p,
                    "control character inside a string; write it as an escape such as \\n");
    len = c < 0x80 ? 1 : utf8_len(s->p, (size_t)(s->end - s->p));
    if (!len)
        return fail(s, s->p, "the text is not valid UTF-8; save it as UTF-8");
    s->p += len;
    return 0;
}

/* At the opening quote; moves behind the closing one. */
static int string(struct scan *s, bool *escaped)
{
    const char *start = s->p;
    int r = 0;

    s->p++;
    while (r == 0) {
        while (s->end - s->p >= 8 && plain8(s->p))
            s->p += 8;
        if (s->p == s->end)
            return fail(s, start, "this string has no closing quote; the text is cut off");
        r = string_step(s, escaped);
    }
    if (r < 0)
        return r;
    s->p++;
    return 0;
}

/* Unescapes a string that was scanned and found good; the result lies in the arena. */
static void unescape(struct scan *s, struct json_key *k)
{
    const char *after = s->p;
    const char *end = k->at + k->len;
    char *out = NULL;
    size_t n = 0;
    uint32_t point = 0;

    if (!s->arena) /* an escape is never shorter than what it stands for */
        s->arena = mem_grow(NULL, (size_t)(s->end - s->text), 1);
    out = s->arena + s->arena_used;
    for (s->p = k->at; s->p < end;) {
        if (*s->p != '\\') {
            out[n++] = *s->p++;
            continue;
        }
        s->p++;
        if (escape(s, &point) < 0)
            break;
        n += utf8_put(out + n, point);
    }
    s->arena_used += n;
    k->at = out;
    k->len = (uint32_t)n;
    s->p = after;
}

static int fail_duplicate(struct scan *s, const struct json_key *k)
{
    int shown = k->len > 64 ? 64 : (int)k->len;

    while (shown > 0 && shown < (int)k->len && (k->at[shown] & 0xc0) == 0x80)
        shown--;
    return err_set(s->e, EX_DATAERR,
                   "byte %u: the key \"%.*s\" stands twice in one object; keep one of them",
                   k->offset, shown, k->at);
}

static int member(struct scan *s)
{
    struct json_key k = {.at = s->p + 1, .offset = (uint32_t)offset(s, s->p)};
    bool escaped = false;

    if (s->p == s->end || *s->p != '"')
        return fail_expected(s, "a key in double quotes");
    if (string(s, &escaped) < 0)
        return -1;
    if (s->strict) {
        k.len = (uint32_t)(s->p - 1 - k.at);
        if (escaped)
            unescape(s, &k);
        json_keys_push(&s->keys, &k);
    }
    skip_space(s);
    if (s->p == s->end || *s->p != ':')
        return fail_expected(s, "':' behind the key");
    s->p++;
    return value(s);
}

static int object(struct scan *s)
{
    size_t from = s->keys.count;
    const struct json_key *twice = NULL;

    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == '}') {
        s->p++;
        return 0;
    }
    for (;;) {
        skip_space(s);
        if (member(s) < 0)
            return -1;
        skip_space(s);
        if (s->p == s->end || (*s->p != ',' && *s->p != '}'))
            return fail_expected(s, "',' or '}'");
        if (*s->p++ == '}')
            break;
    }
    twice = json_keys_pop(&s->keys, from);
    return twice ? fail_duplicate(s, twice) : 0;
}

static int array(struct scan *s)
{
    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == ']') {
        s->p++;
        return 0;
    }
    for (;;) {
        if (value(s) < 0)
            return -1;
        skip_space(s);
        if (s->p == s->end || (*s->p != ',' && *s->p != ']'))
            return fail_expected(s, "',' or ']'");
        if (*s->p++ == ']')
            return 0;
    }
}

static size_t digits(struct scan *s)
{
    const char *from = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return (size_t)(s->p - from);
}

/* Is the integer of n digits at `from` (behind the sign) inside [-2^63, 2^64-1]? */
static bool integer_fits(const char *from, size_t n, bool negative)
{
    const char *limit = negative ? "9223372036854775808" : "18446744073709551615";
    size_t most = strlen(limit);

    return n < most || (n == most && memcmp(from, limit, most) <= 0);
}

static bool finite_double(const char *from, size_t n)
{
    CLEANUP_FREE char *text = mem_dup(from, n);

    return isfinite(strtod(text, NULL));
}

/* At the fraction or exponent of a number that begins at `from`. */
static int number_tail(struct scan *s, const char *from, size_t whole)
{
    int exponent = 0;

    if (*s->p == '.') {
        s->p++;
        if (!digits(s))
            return fail_expected(s, "a digit behind the decimal point");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        const char *at = NULL;

        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        at = s->p;
        if (!digits(s))
            return fail_expected(s, "a digit in the exponent");
        for (; at < s->p && exponent < 1000; at++)
            exponent = exponent * 10 + (*at - '0');
    }
    /* Far from the limit of a double the size alone decides. */
    if (whole + (size_t)exponent > 300 && !finite_double(from, (size_t)(s->p - from)) && s->strict)
        return fail(s, from, "the number is too large for a double");
    return 0;
}

static int number(struct scan *s)
{
    const char *from = s->p;
    bool negative = *s->p == '-';
    const char *first = NULL;
    size_t n = 0;

    if (negative)
        s->p++;
    first = s->p;
    n = digits(s);
    if (!n)
        return fail_expected(s, "a digit");
    if (n > 1 && *first == '0')
        return fail(s, from, "a number must not begin with 0; quote it if it is a name");
    if (s->p < s->end && (*s->p == '.' || *s->p == 'e' || *s->p == 'E'))
        return number_tail(s, from, n);
    if (n >= 19 && s->strict && !integer_fits(first, n, negative))
        return fail(s, from, "the integer does not fit into 64 bits; quote it if it is an id");
    return 0;
}

static int literal(struct scan *s, const char *word, size_t n)
{
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return fail_expected(s, "a value (true, false and null are in lower case)");
    s->p += n;
    return 0;
}

static int nested(struct scan *s, int (*scan)(struct scan *s))
{
    int r = 0;

    if (s->depth == s->max_depth)
        return err_set(s->e, EX_DATAERR, "byte %zu: nested deeper than %d levels; flatten it",
                       offset(s, s->p), s->max_depth);
    s->depth++;
    r = scan(s);
    s->depth--;
    return r;
}

static int value(struct scan *s)
{
    bool escaped = false;

    skip_space(s);
    if (s->p == s->end)
        return fail_expected(s, "a value");
    switch (*s->p) {
    case '{':
        return nested(s, object);
    case '[':
        return nested(s, array);
    case '"':
        return string(s, &escaped);
    case 't':
        return literal(s, "true", 4);
    case 'f':
        return literal(s, "false", 5);
    case 'n':
        return literal(s, "null", 4);
    default:
        if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))
            return number(s);
        return fail_expected(s, "a value");
    }
}

static int whole(struct scan *s)
{
    if (s->end - s->p >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0)
        return fail(s, s->p, "the text begins with a byte order mark; save it without one");
    skip_space(s);
    if (s->p == s->end)
        return fail(s, s->p, "the text is empty; a JSON value was expected");
    if (value(s) < 0)
        return -1;
    skip_space(s);
    if (s->p < s->end)
        return fail(s, s->p, "there is more text behind the JSON value; one value a record");
    return 0;
}

int json_scan(const char *text, size_t n, int max_depth, bool strict, struct err *e)
{
    struct scan s;
    int r = 0;

    if (n > JSON_TEXT_MAX)
        return err_set(e, EX_DATAERR, "%zu bytes are more than %zu, the most that can be read", n,
                       (size_t)JSON_TEXT_MAX);
    s.text = text;
    s.p = text;
    s.end = text + n;
    s.depth = 0;
    s.max_depth = max_depth < SCAN_DEPTH_MAX ? max_depth : SCAN_DEPTH_MAX;
    s.strict = strict;
    json_keys_init(&s.keys);
    s.arena = NULL;
    s.arena_used = 0;
    s.e = e;
    r = whole(&s);
    json_keys_done(&s.keys);
    free(s.arena);
    return r;
}
