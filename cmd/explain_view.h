/*
 * explain_view: what holds work up, as JSON for /status, and as lines for a person, made from that JSON, be it from
 * another process or from this one.
 */
#ifndef SLUICE_CMD_EXPLAIN_VIEW_H
#define SLUICE_CMD_EXPLAIN_VIEW_H

#include "base/buf.h"
#include "base/json.h"
#include "pool/pool.h"

#define EXPLAIN_TEXT_MAX ((size_t)1 << 20)

/* Numbers of one moment. */
struct explain_source {
    const struct config *config;
    const struct pool_stats *pool;
    const struct pool_route *routes; /* one for each row of model_list */
    const struct pool_explain *explain;
};

/* {"now", "minute":{"main","key","because","change","shares":{reason: 0 to 1}}, "run":{the same}}. row < 0: of the
 * pool as a whole. */
struct json_object *explain_json(const struct explain_source *s, int row);

/* A line for the pool and each model of a /status, with the main reason of the last minute, or of the run, in
 * words. Rows of model_list that call the same model at the same provider are told apart by their number. */
void explain_text(struct json_object *status, bool minute, struct buf *out);

/* "rpm 93%, answers 7%" of a part made by explain_json(). */
void explain_shares(struct json_object *part, struct buf *out);

/* The report of a run that has ended: the pool, and the models that were wanted. */
void explain_report(const struct explain_source *s, struct buf *out);

/* "fast/openai: rpm" or "input": what holds the pool up at this moment, for a progress line. */
void explain_now(const struct config *c, const struct pool_stats *p, char *out, size_t cap);

#endif
