/* steer: asks a running worker to do something, by a POST to its admin port: for `pause`, `resume`, `drain`, `top`. */
#ifndef SLUICE_CMD_ADMIN_STEER_H
#define SLUICE_CMD_ADMIN_STEER_H

#include "base/err.h"

/* what: "pause", "resume" or "drain"; model NULL: the whole worker. 1: it has begun and is not done yet; -1: it did not,
 * and e says why. */
int steer(const char *url, const char *what, const char *model, const char *token, struct err *e);

#endif
