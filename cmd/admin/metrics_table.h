/*
 * metrics_table: every metric of a worker, one row each, in the order of the page. The page, the man page sluice(7)
 * and the check of the README are made from it.
 *
 * To add one: a row. A number that stands in the snapshot needs no more; anything else needs a function
 * (metrics_write.h). The unit, or what is counted, ends the name; a counter ends in _total. The values of a label come
 * from the configuration or an enum: nothing that a client or a provider sends becomes one.
 */
#ifndef SLUICE_CMD_ADMIN_METRICS_TABLE_H
#define SLUICE_CMD_ADMIN_METRICS_TABLE_H

#include "base/metrics.h"
#include "cmd/admin/snapshot.h"

/* One row of model_list; functions put the label of a sample behind those that all of its samples have. */
#define METRICS_ROUTE_LABELS "model provider upstream_model row"
struct metric_route {
    const struct view *v;
    size_t row;
    char number[24];
    struct metrics_label at[4 + 2]; /* with room for one more, and the end */
};

enum metric_form {
    METRIC_U64, /* these four stand at `offset` in the snapshot */
    METRIC_I64,
    METRIC_FLAG,
    METRIC_PROCESS_I64, /* and these two in struct process_stats */
    METRIC_PROCESS_NUM,
    METRIC_WRITE,
    METRIC_ROUTES,
};

struct metric {
    const char *name; /* NULL ends the table */
    const char *help; /* a sentence */
    enum metrics_type type;
    enum metric_form form;
    size_t offset;
    const char *
        labels; /* names with blanks between, without le; ROUTES: beside METRICS_ROUTE_LABELS; or NULL */
    bool always; /* also while the worker starts and has no numbers yet */
    void (*write)(struct metrics *m, const struct view *v);   /* WRITE: all samples */
    void (*route)(struct metrics *m, struct metric_route *r); /* ROUTES: those of one row */
};

extern const struct metric metrics_table[];

#endif
