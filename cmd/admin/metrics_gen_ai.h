/* metrics_gen_ai: a part of metrics_page(). */
#ifndef SLUICE_CMD_ADMIN_METRICS_GEN_AI_H
#define SLUICE_CMD_ADMIN_METRICS_GEN_AI_H

#include "base/metrics.h"
#include "cmd/admin/snapshot.h"

void metrics_gen_ai(struct metrics *m, const struct view *v);

#endif
