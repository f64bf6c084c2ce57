/* view: a job (entry.h) in words: a row of the list, a block, or one line. Pure; names are made fit for a terminal. */
#ifndef SLUICE_CMD_RUNS_VIEW_H
#define SLUICE_CMD_RUNS_VIEW_H

#include <json-c/json.h>

#include "base/buf.h"

void view_head(struct buf *out);
void view_row(struct json_object *o, struct buf *out);
/* The block of `runs show`; how many lines. now_wall_ms: for how long it has been running. */
int view_block(struct json_object *o, int64_t now_wall_ms, struct buf *out);
void view_line(struct json_object *o, int64_t now_wall_ms, struct buf *out);

#endif
