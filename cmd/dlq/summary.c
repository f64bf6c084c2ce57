/* summary: see summary.h. */
#include "cmd/dlq/summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define CODES_MAX 256
#define CODE_MAX  200

struct row {
    char code[CODE_MAX + 1]; /* "": none, or one too many */
    uint64_t count, bytes;
    int64_t first_ms, last_ms;
};

struct summary {
    struct row rows[CODES_MAX + 1]; /* the first is for those without a name */
    size_t count;
};

struct summary *summary_new(void)
{
    struct summary *s = mem_alloc(sizeof *s);

    s->count = 1;
    return s;
}

struct summary *summary_free(struct summary *s)
{
    free(s);
    return NULL;
}

static struct row *row_of(struct summary *s, struct letter_text code)
{
    char name[CODE_MAX + 1] = "";
    size_t i = 0;

    if (code.at)
        memcpy(name, code.at, code.len < CODE_MAX ? code.len : CODE_MAX);
    for (i = 0; i < s->count; i++)
        if (strcmp(s->rows[i].code, name) == 0)
            return &s->rows[i];
    if (s->count > CODES_MAX)
        return &s->rows[0];
    memcpy(s->rows[s->count].code, name, sizeof name);
    return &s->rows[s->count++];
}

void summary_add(struct summary *s, const struct letter *l)
{
    struct row *r = row_of(s, l->code);
    int64_t at_ms = l->record->timestamp_ms;

    if (r->count == 0 || at_ms < r->first_ms)
        r->first_ms = at_ms;
    if (r->count == 0 || at_ms > r->last_ms)
        r->last_ms = at_ms;
    r->count++;
    r->bytes += l->record->value_len;
}

static int by_count(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;

    return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->code, y->code);
}

static void print_row(const struct row *r, struct buf *line)
{
    char first[40], last[40];

    clock_format_rfc3339(r->first_ms, first, sizeof first);
    clock_format_rfc3339(r->last_ms, last, sizeof last);
    buf_clear(line);
    buf_str(line, "{\"code\":");
    if (r->code[0])
        letter_add_text(line, r->code, strlen(r->code));
    else
        buf_str(line, "null");
    buf_printf(line,
               ",\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"first\":\"%s\",\"last\":\"%s\"}\n",
               r->count, r->bytes, first, last);
}

int summary_print(struct summary *s, FILE *to)
{
    struct buf line = BUF_INIT(8192);
    size_t i = 0;
    int bad = 0;

    qsort(s->rows, s->count, sizeof s->rows[0], by_count);
    for (i = 0; i < s->count && s->rows[i].count > 0 && !bad; i++) {
        print_row(&s->rows[i], &line);
        bad = fwrite(line.data, 1, line.len, to) != line.len;
    }
    buf_done(&line);
    return bad ? -1 : 0;
}
