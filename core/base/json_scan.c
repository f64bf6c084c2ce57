/*
 * json_scan: the strict reader behind json_check() and json_parse(). It walks the text once, says what is wrong with it,
 * and makes json-c's values of it on the way, if they are wanted: the same that json-c's own parser would make, which goes
 * byte by byte where most bytes are plain text. Work is linear in the text, but for the duplicate keys of one object,
 * which are sorted (n log n), so that hostile objects of many keys stay cheap.
 */
#include "base/json_scan_int.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"

#define SCAN_DEPTH_MAX 256 /* bound of the recursion, whatever the caller asks for */

static int value(struct scan *s, struct json_object **ret);

size_t scan_offset(const struct scan *s, const char *at)
{
    return (size_t)(at - s->text);
}

int scan_fail(struct scan *s, const char *at, const char *what)
{
    return err_set(s->e, EX_DATAERR, "byte %zu: %s", scan_offset(s, at), what);
}

static int fail_expected(struct scan *s, const char *what)
{
    unsigned char c = 0;

    if (s->p == s->end)
        return err_set(s->e, EX_DATAERR, "byte %zu: the text ends where %s should be",
                       scan_offset(s, s->p), what);
    c = (unsigned char)*s->p;
    if (c < 0x20 || c >= 0x7f)
        return err_set(s->e, EX_DATAERR, "byte %zu: expected %s, found byte 0x%02x",
                       scan_offset(s, s->p), what, c);
    return err_set(s->e, EX_DATAERR, "byte %zu: expected %s, found '%c'", scan_offset(s, s->p),
                   what, c);
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
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

/* Gives a value that was just made to `ret`, of which there may be none when memory is gone. */
static int made(struct scan *s, struct json_object *o, struct json_object **ret)
{
    *ret = o;
    return o ? 0 : scan_fail(s, s->p, "there is no memory for this value");
}

static int string(struct scan *s, struct json_object **ret)
{
    struct scan_string str;

    if (scan_string(s, &str) < 0)
        return -1;
    if (!ret)
        return 0;
    scan_unescape(s, &str);
    return made(s, json_object_new_string_len(str.at, (int)str.len), ret);
}

/* Takes the value over. A strict scan has found keys that stand twice before anybody sees the object. */
static int add_member(struct scan *s, struct json_object *o, const struct scan_string *key,
                      struct json_object *v)
{
    char local[64];
    CLEANUP_FREE char *large = key->len < sizeof local ? NULL : mem_dup(key->at, key->len);
    const char *name = large ? large : local;

    if (!large) {
        memcpy(local, key->at, key->len);
        local[key->len] = '\0';
    }
    if (json_object_object_add_ex(o, name, v, s->strict ? JSON_C_OBJECT_ADD_KEY_IS_NEW : 0) == 0)
        return 0;
    json_object_put(v);
    return scan_fail(s, s->p, "there is no memory for this member");
}

static int key(struct scan *s, struct scan_string *ret)
{
    uint32_t at = (uint32_t)scan_offset(s, s->p);

    if (s->p == s->end || *s->p != '"')
        return fail_expected(s, "a key in double quotes");
    if (scan_string(s, ret) < 0)
        return -1;
    scan_unescape(s, ret);
    if (s->strict)
        json_keys_push(&s->keys, &(struct json_key){ret->at, (uint32_t)ret->len, at});
    skip_space(s);
    if (s->p == s->end || *s->p != ':')
        return fail_expected(s, "':' behind the key");
    s->p++;
    return 0;
}

static int member(struct scan *s, struct json_object *o)
{
    struct json_object *v = NULL;
    struct scan_string name;

    if (key(s, &name) < 0 || value(s, o ? &v : NULL) < 0)
        return -1;
    return o ? add_member(s, o, &name, v) : 0;
}

/* At the bracket that opens a list of members or values: moves behind it. True: nothing is in it. */
static bool is_empty(struct scan *s, char close)
{
    s->p++;
    skip_space(s);
    if (s->p == s->end || *s->p != close)
        return false;
    s->p++;
    return true;
}

static int members(struct scan *s, struct json_object *o)
{
    size_t from = s->keys.count;
    const struct json_key *twice = NULL;

    if (is_empty(s, '}'))
        return 0;
    for (;;) {
        skip_space(s);
        if (member(s, o) < 0)
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

static int element(struct scan *s, struct json_object *o)
{
    struct json_object *v = NULL;

    if (value(s, o ? &v : NULL) < 0)
        return -1;
    if (!o || json_object_array_add(o, v) == 0)
        return 0;
    json_object_put(v);
    return scan_fail(s, s->p, "there is no memory for this element");
}

static int elements(struct scan *s, struct json_object *o)
{
    if (is_empty(s, ']'))
        return 0;
    for (;;) {
        if (element(s, o) < 0)
            return -1;
        skip_space(s);
        if (s->p == s->end || (*s->p != ',' && *s->p != ']'))
            return fail_expected(s, "',' or ']'");
        if (*s->p++ == ']')
            return 0;
    }
}

static int object(struct scan *s, struct json_object **ret)
{
    CLEANUP_JSON struct json_object *o = NULL;

    if (ret && made(s, json_object_new_object(), &o) < 0)
        return -1;
    if (members(s, o) < 0)
        return -1;
    if (ret)
        *ret = STEAL(o);
    return 0;
}

/* Most lists are short, and json-c makes them larger when they are not. */
static int array(struct scan *s, struct json_object **ret)
{
    CLEANUP_JSON struct json_object *o = NULL;

    if (ret && made(s, json_object_new_array_ext(2), &o) < 0)
        return -1;
    if (elements(s, o) < 0)
        return -1;
    if (ret) {
        json_object_array_shrink(o, 0);
        *ret = STEAL(o);
    }
    return 0;
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

/* Beyond 64 bits, where only a lenient scan comes: the nearest that there is. */
static struct json_object *large_integer(const char *from, size_t n)
{
    CLEANUP_FREE char *text = mem_dup(from, n);
    uint64_t v = *from == '-' ? 0 : strtoull(text, NULL, 10);

    return v > INT64_MAX ? json_object_new_uint64(v)
                         : json_object_new_int64(strtoll(text, NULL, 10));
}

static struct json_object *new_integer(const char *from, size_t n)
{
    const char *end = from + n;
    int64_t v = 0;

    if (n > 18)
        return large_integer(from, n);
    for (const char *p = from + (*from == '-'); p < end; p++)
        v = v * 10 + (*p - '0');
    return json_object_new_int64(*from == '-' ? -v : v);
}

/* It remembers how it was spelled. */
static struct json_object *new_double(const char *from, size_t n)
{
    CLEANUP_FREE char *text = mem_dup(from, n);

    return json_object_new_double_s(strtod(text, NULL), text);
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
        return scan_fail(s, from, "the number is too large for a double");
    return 0;
}

static int number(struct scan *s, struct json_object **ret)
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
        return scan_fail(s, from, "a number must not begin with 0; quote it if it is a name");
    if (s->p < s->end && (*s->p == '.' || *s->p == 'e' || *s->p == 'E'))
        return number_tail(s, from, n) < 0 ? -1
               : ret                       ? made(s, new_double(from, (size_t)(s->p - from)), ret)
                                           : 0;
    if (n >= 19 && s->strict && !integer_fits(first, n, negative))
        return scan_fail(s, from, "the integer does not fit into 64 bits; quote it if it is an id");
    return ret ? made(s, new_integer(from, (size_t)(s->p - from)), ret) : 0;
}

static int literal(struct scan *s, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return fail_expected(s, "a value (true, false and null are in lower case)");
    s->p += n;
    return 0;
}

static int boolean(struct scan *s, const char *word, struct json_object **ret)
{
    if (literal(s, word) < 0)
        return -1;
    return ret ? made(s, json_object_new_boolean(*word == 't'), ret) : 0;
}

static int nested(struct scan *s, int (*scan)(struct scan *, struct json_object **),
                  struct json_object **ret)
{
    int r = 0;

    if (s->depth == s->max_depth)
        return err_set(s->e, EX_DATAERR, "byte %zu: nested deeper than %d levels; flatten it",
                       scan_offset(s, s->p), s->max_depth);
    s->depth++;
    r = scan(s, ret);
    s->depth--;
    return r;
}

/* ret NULL: it is only looked at. */
static int value(struct scan *s, struct json_object **ret)
{
    skip_space(s);
    if (s->p == s->end)
        return fail_expected(s, "a value");
    switch (*s->p) {
    case '{':
        return nested(s, object, ret);
    case '[':
        return nested(s, array, ret);
    case '"':
        return string(s, ret);
    case 't':
        return boolean(s, "true", ret);
    case 'f':
        return boolean(s, "false", ret);
    case 'n':
        return literal(s, "null");
    default:
        if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))
            return number(s, ret);
        return fail_expected(s, "a value");
    }
}

static int whole(struct scan *s, struct json_object **ret)
{
    CLEANUP_JSON struct json_object *o = NULL;

    if (s->end - s->p >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0)
        return scan_fail(s, s->p, "the text begins with a byte order mark; save it without one");
    skip_space(s);
    if (s->p == s->end)
        return scan_fail(s, s->p, "the text is empty; a JSON value was expected");
    if (value(s, ret ? &o : NULL) < 0)
        return -1;
    skip_space(s);
    if (s->p < s->end)
        return scan_fail(s, s->p, "there is more text behind the JSON value; one value a record");
    if (ret)
        *ret = STEAL(o);
    return 0;
}

int json_build(const char *text, size_t n, const struct json_rules *rules, struct json_object **ret,
               struct err *e)
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
    s.max_depth = rules->max_depth < SCAN_DEPTH_MAX ? rules->max_depth : SCAN_DEPTH_MAX;
    s.strict = rules->strict;
    json_keys_init(&s.keys);
    s.arena = NULL;
    s.arena_used = 0;
    s.e = e;
    r = whole(&s, ret);
    json_keys_done(&s.keys);
    free(s.arena);
    return r;
}

int json_scan(const char *text, size_t n, int max_depth, bool strict, struct err *e)
{
    return json_build(text, n, &(struct json_rules){max_depth, strict}, NULL, e);
}
