/*
 * traces: the exporter of a process, as the configuration wants it. All functions take a NULL: no traces.
 */
#ifndef SLUICE_CMD_TRACES_H
#define SLUICE_CMD_TRACES_H

#include "base/err.h"
#include "io/otlp.h"
#include "task/config.h"

struct traces;

/* *ret is NULL where no endpoint is configured. group: of the consumer, or NULL; outlives it, as does c. After
 * http_global_init(). */
int traces_open(struct traces **ret, const struct config *c, const char *group, struct err *e);

/* Delivers what is left, for some seconds at most. After the last task is gone. */
struct traces *traces_close(struct traces *t);

struct trace_sink *traces_sink(struct traces *t);
void traces_stats(struct traces *t, struct otlp_stats *ret); /* any thread */

#endif
