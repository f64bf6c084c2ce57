/* csv_rows: the one file that knows libcsv. */
#include "cmd/batch/csv_rows.h"

#include <csv.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

struct fields {
    struct buf text;                /* all fields, each with a NUL behind it */
    size_t at[CSV_COLUMNS_MAX + 1]; /* where each starts; one more for the end */
    size_t count;
};

struct csv_rows {
    struct csv_parser parser;
    char delimiter;
    struct fields header;
    struct fields row;
    struct fields *filling;
    bool complete; /* the row that was being filled has ended */
    bool too_many;
    bool has_header;
};

static void start(struct csv_rows *c)
{
    csv_init(&c->parser, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_delim(&c->parser, (unsigned char)c->delimiter);
}

struct csv_rows *csv_rows_new(char delimiter, size_t row_max)
{
    struct csv_rows *c = mem_alloc(sizeof *c);

    c->delimiter = delimiter;
    buf_init(&c->header.text, row_max);
    buf_init(&c->row.text, row_max);
    start(c);
    return c;
}

struct csv_rows *csv_rows_free(struct csv_rows *c)
{
    if (!c)
        return NULL;
    csv_free(&c->parser);
    buf_done(&c->header.text);
    buf_done(&c->row.text);
    free(c);
    return NULL;
}

void csv_rows_reset(struct csv_rows *c)
{
    csv_free(&c->parser);
    start(c);
    c->has_header = false;
}

static void on_field(void *text, size_t n, void *arg)
{
    struct csv_rows *c = arg;
    struct fields *f = c->filling;

    if (f->count == CSV_COLUMNS_MAX) {
        c->too_many = true;
        return;
    }
    buf_append(&f->text, text, n);
    buf_char(&f->text, '\0');
    f->at[++f->count] = f->text.len;
}

static void on_row(int end, void *arg)
{
    (void)end;
    ((struct csv_rows *)arg)->complete = true;
}

/* Reads lines until one row is whole. */
static int read_row(struct csv_rows *c, struct line_reader *r, struct fields *f,
                    int64_t *ret_number, struct err *e)
{
    struct line line;
    bool first = true;

    buf_clear(&f->text);
    f->count = 0;
    f->at[0] = 0;
    c->filling = f;
    c->complete = false;
    c->too_many = false;
    while (!c->complete) {
        int rc = line_reader_next(r, &line, e);

        if (rc < 0)
            return -1;
        if (rc == LINE_END && first)
            return CSV_END;
        if (first)
            *ret_number = line.number;
        first = false;
        if (rc == LINE_END || rc == LINE_TOO_LONG || f->text.over) {
            csv_free(&c->parser);
            start(c);
            err_set(e, EX_DATAERR,
                    rc == LINE_END ? "a quoted field is not closed"
                                   : "the row is larger than limits.record_bytes");
            return CSV_BAD;
        }
        if (csv_parse(&c->parser, line.text, line.len, on_field, on_row, c) != line.len ||
            csv_parse(&c->parser, "\n", 1, on_field, on_row, c) != 1) {
            err_set(e, EX_DATAERR, "the row is no CSV (%s); quote fields that hold quotes",
                    csv_strerror(csv_error(&c->parser)));
            csv_free(&c->parser);
            start(c);
            return CSV_BAD;
        }
        if (line.len == 0 && f->count == 0 && !c->complete)
            first = true; /* a blank line between rows */
    }
    if (c->too_many) {
        err_set(e, EX_DATAERR, "the row has more than %d fields", CSV_COLUMNS_MAX);
        return CSV_BAD;
    }
    return CSV_ROW;
}

int csv_rows_next(struct csv_rows *c, struct line_reader *r, int64_t *ret_number, struct err *e)
{
    int rc = 0;

    *ret_number = 1;
    if (!c->has_header) {
        rc = read_row(c, r, &c->header, ret_number, e);
        if (rc != CSV_ROW)
            return rc == CSV_BAD ? -1 : rc; /* nothing can be read without column names */
        c->has_header = true;
    }
    rc = read_row(c, r, &c->row, ret_number, e);
    if (rc == CSV_ROW && c->row.count != c->header.count) {
        err_set(e, EX_DATAERR, "the row has %zu fields, the header has %zu", c->row.count,
                c->header.count);
        return CSV_BAD;
    }
    return rc;
}

const char *csv_rows_field(const struct csv_rows *c, const char *name, size_t *ret_len)
{
    size_t i = 0;

    for (i = 0; i < c->header.count; i++) {
        if (strcmp(c->header.text.data + c->header.at[i], name) != 0)
            continue;
        *ret_len = c->row.at[i + 1] - c->row.at[i] - 1;
        return c->row.text.data + c->row.at[i];
    }
    return NULL;
}
