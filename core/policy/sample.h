/*
 * sample: is a task traced? Whoever began the trace has decided; where nobody did, a share of the trace ids is, the
 * same ones by every program that decides so.
 */
#ifndef SLUICE_POLICY_SAMPLE_H
#define SLUICE_POLICY_SAMPLE_H

#include "base/traceparent.h"

/* caller: NULL when the trace begins here, with that id. ratio: 0 to 1. */
bool sample_wanted(const struct trace_context *caller, const uint8_t trace_id[TRACE_ID_LEN],
                   double ratio);

#endif
