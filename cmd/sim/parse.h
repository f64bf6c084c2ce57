/*
 * parse: the reading side of a connection: libhttp-parser's callbacks, which fill struct sim_conn.
 */
#ifndef SLUICE_CMD_SIM_PARSE_H
#define SLUICE_CMD_SIM_PARSE_H

#include "cmd/sim/conn.h"

void sim_parse_start(struct sim_conn *c); /* ready for the next request */

/* Feeds n bytes and returns how many were used: all, unless the request is complete (c->complete) or
 * refused (c->refuse is the status). */
size_t sim_parse_feed(struct sim_conn *c, const char *p, size_t n);

#endif
