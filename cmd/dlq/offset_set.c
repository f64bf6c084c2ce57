/* offset_set: see offset_set.h. */
#include "cmd/dlq/offset_set.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAGIC      "sluice-dlq1 "
#define WINDOW_MAX 65536 /* of the text in bits: more never fits */

void offset_set_init(struct offset_set *s, int64_t base)
{
    *s = (struct offset_set){.base = base};
}

void offset_set_done(struct offset_set *s)
{
    free(s->at);
    *s = (struct offset_set){0};
}

void offset_set_copy(struct offset_set *to, const struct offset_set *from)
{
    *to = (struct offset_set){.base = from->base, .count = from->count, .cap = from->count};
    if (from->count)
        to->at = mem_dup(from->at, from->count * sizeof *from->at);
}

/* First range that ends at `offset` or behind it. */
static size_t place_of(const struct offset_set *s, int64_t offset)
{
    size_t low = 0;
    size_t high = s->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (s->at[mid].to < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool offset_set_has(const struct offset_set *s, int64_t offset)
{
    size_t i = place_of(s, offset + 1);

    return offset < s->base || (i < s->count && s->at[i].from <= offset);
}

static void insert(struct offset_set *s, size_t i, int64_t from, int64_t to)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->at = mem_grow(s->at, s->cap, sizeof *s->at);
    }
    memmove(&s->at[i + 1], &s->at[i], (s->count - i) * sizeof *s->at);
    s->at[i] = (struct offset_range){from, to};
    s->count++;
}

static void erase(struct offset_set *s, size_t i, size_t n)
{
    if (n == 0)
        return;
    memmove(&s->at[i], &s->at[i + n], (s->count - i - n) * sizeof *s->at);
    s->count -= n;
}

/* A first range that touches the base moves it. */
static void settle(struct offset_set *s)
{
    while (s->count && s->at[0].from <= s->base) {
        if (s->at[0].to > s->base)
            s->base = s->at[0].to;
        erase(s, 0, 1);
    }
}

void offset_set_add(struct offset_set *s, int64_t from, int64_t to)
{
    size_t i = 0;
    size_t n = 0;

    if (from < s->base)
        from = s->base;
    if (from >= to)
        return;
    i = place_of(s, from);
    while (i + n < s->count && s->at[i + n].from <= to) {
        from = s->at[i + n].from < from ? s->at[i + n].from : from;
        to = s->at[i + n].to > to ? s->at[i + n].to : to;
        n++;
    }
    erase(s, i, n);
    insert(s, i, from, to);
    settle(s);
}

void offset_set_remove(struct offset_set *s, int64_t offset)
{
    size_t i = place_of(s, offset + 1);
    struct offset_range was;

    if (offset < s->base || i == s->count || s->at[i].from > offset)
        return;
    was = s->at[i];
    erase(s, i, 1);
    if (offset + 1 < was.to)
        insert(s, i, offset + 1, was.to);
    if (was.from < offset)
        insert(s, i, was.from, offset);
}

void offset_set_raise(struct offset_set *s, int64_t base)
{
    if (base > s->base)
        s->base = base;
    settle(s);
}

static int format_runs(const struct offset_set *s, struct buf *out)
{
    int64_t at = s->base;
    int bad = buf_str(out, MAGIC "r ");
    size_t i = 0;

    for (i = 0; i < s->count && bad == 0; i++) {
        bad |= buf_printf(out, "%s%" PRId64 "+%" PRId64, i ? "," : "", s->at[i].from - at,
                          s->at[i].to - s->at[i].from);
        at = s->at[i].to;
    }
    return bad;
}

static int format_bits(const struct offset_set *s, struct buf *out)
{
    int64_t end = s->at[s->count - 1].to;
    int64_t at = s->base;
    int bad = buf_str(out, MAGIC "b ");

    if (end - s->base > WINDOW_MAX)
        return -1;
    for (at = s->base; at < end && bad == 0; at += 4) {
        unsigned digit = 0;
        int bit = 0;

        for (bit = 0; bit < 4; bit++)
            digit |= (unsigned)offset_set_has(s, at + bit) << bit;
        bad |= buf_char(out, "0123456789abcdef"[digit]);
    }
    return bad;
}

int offset_set_format(const struct offset_set *s, size_t max, struct buf *out)
{
    int bad = 0;

    buf_clear(out);
    if (s->count == 0)
        return buf_str(out, "");
    out->max = max;
    bad = format_runs(s, out);
    if (bad) {
        buf_clear(out);
        out->over = false;
        bad = format_bits(s, out);
    }
    return bad ? -1 : 0;
}

/* Digits only, > 0 when least is 1. */
static int parse_number(const char **text, int64_t least, int64_t *ret)
{
    char *end = NULL;

    if (!isdigit((unsigned char)**text))
        return -1;
    errno = 0;
    *ret = strtoll(*text, &end, 10);
    *text = end;
    return errno || *ret < least ? -1 : 0;
}

static int parse_runs(struct offset_set *s, const char *text)
{
    int64_t at = s->base;
    int64_t open = 0;
    int64_t done = 0;

    for (;;) {
        if (parse_number(&text, 1, &open) < 0 || *text++ != '+' ||
            parse_number(&text, 1, &done) < 0 || open > INT64_MAX - at ||
            done > INT64_MAX - at - open)
            return -1;
        offset_set_add(s, at + open, at + open + done);
        at += open + done;
        if (*text == '\0')
            return 0;
        if (*text++ != ',')
            return -1;
    }
}

static int parse_bits(struct offset_set *s, const char *text)
{
    int64_t at = s->base;

    for (; *text; text++, at += 4) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, *text);
        int bit = 0;

        if (!digit || at > INT64_MAX - 4)
            return -1;
        for (bit = 0; bit < 4; bit++)
            if ((digit - digits) >> bit & 1)
                offset_set_add(s, at + bit, at + bit + 1);
    }
    return 0;
}

int offset_set_parse(struct offset_set *s, const char *text)
{
    int64_t base = s->base;
    int bad = -1;

    if (!text || !*text)
        return 0;
    if (strncmp(text, MAGIC "r ", strlen(MAGIC "r ")) == 0)
        bad = parse_runs(s, text + strlen(MAGIC "r "));
    else if (strncmp(text, MAGIC "b ", strlen(MAGIC "b ")) == 0)
        bad = parse_bits(s, text + strlen(MAGIC "b "));
    if (bad) {
        offset_set_done(s);
        offset_set_init(s, base);
    }
    return bad;
}
