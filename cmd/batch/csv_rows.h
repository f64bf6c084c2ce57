/*
 * csv_rows: rows of a CSV or TSV file (RFC 4180; quoted fields may span lines) over libcsv. The first row
 * names the columns.
 */
#ifndef SLUICE_CMD_BATCH_CSV_ROWS_H
#define SLUICE_CMD_BATCH_CSV_ROWS_H

#include "io/jsonl.h"

#define CSV_COLUMNS_MAX 1024

struct csv_rows;

struct csv_rows *csv_rows_new(char delimiter, size_t row_max);
struct csv_rows *csv_rows_free(struct csv_rows *c);
void csv_rows_reset(struct csv_rows *c);

enum { CSV_ROW = 0, CSV_END = 1, CSV_BAD = 2 };

/* Reads the next row (and before the first one the header) from r. *ret_number is its first line. */
int csv_rows_next(struct csv_rows *c, struct line_reader *r, int64_t *ret_number, struct err *e);

/* The field of the current row under this column name; NULL: there is no such column. */
const char *csv_rows_field(const struct csv_rows *c, const char *name, size_t *ret_len);

#endif
