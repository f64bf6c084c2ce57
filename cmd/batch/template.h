/*
 * template: a prompt with {field} places, filled from the fields of one row. "{{" and "}}" stand for
 * braces. Pure.
 */
#ifndef SLUICE_CMD_BATCH_TEMPLATE_H
#define SLUICE_CMD_BATCH_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"

struct template;

/* Gives the value of a field to `out`; -1 when the row has no such field. */
typedef int (*template_field)(void *row, const char *name, struct buf *out);

struct template *template_new(const char *text,
                              struct err *e); /* NULL: unbalanced braces, empty name */
struct template *template_free(struct template *t);

/* -1 and e naming the field that the row does not have. */
int template_render(const struct template *t, template_field field, void *row, struct buf *out,
                    struct err *e);

#endif
