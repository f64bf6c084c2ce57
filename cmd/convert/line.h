/* line: one line from one format to another. Pure: it reads no file and asks nobody. */
#ifndef SLUICE_CMD_CONVERT_LINE_H
#define SLUICE_CMD_CONVERT_LINE_H

#include "cmd/convert/forms.h"

#define LINE_OUT_MAX ((size_t)256 << 20)

/* c as the options have it, and zeroed otherwise: makes the configurations that the readers and writers need. */
int conversion_open(struct conversion *c, const struct form *from, const struct form *to,
                    struct err *e);
void conversion_done(struct conversion *c);

enum line_kind { LINE_REQUEST = 0, LINE_RESULT = 1 };

/* Appends the line (without its end) to out. One of enum line_kind, or -1 with the field in e. */
int line_convert(struct conversion *c, const struct form *from, const struct form *to,
                 const char *text, size_t len, struct buf *out, struct err *e);

#endif
