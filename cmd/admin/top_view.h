/* top_view: what `sluice top` shows of a worker, from its /status. Pure. */
#ifndef SLUICE_CMD_ADMIN_TOP_VIEW_H
#define SLUICE_CMD_ADMIN_TOP_VIEW_H

#include "base/json.h"

/* Appends lines of at most 100 columns. before: the status so many seconds ago, for rates, or NULL. */
void top_view(struct json_object *now, struct json_object *before, double seconds, struct buf *out);

#endif
