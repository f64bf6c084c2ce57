/*
 * listen: the address of a listening socket as it stands in the configuration. Names are not looked up: an
 * address that depends on a resolver may be another one tomorrow.
 */
#ifndef SLUICE_TASK_LISTEN_H
#define SLUICE_TASK_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define LISTEN_PORT_DEFAULT 9464

struct listen_at {
    char host[46]; /* numeric */
    uint16_t port; /* 0: any free one */
    bool v6;
    bool any;      /* 0.0.0.0 or [::] */
    bool loopback; /* only this machine can reach it */
};

/*
 * "HOST:PORT" with a numeric host, "[::1]:PORT", "localhost:PORT", ":PORT" or "PORT". The last two mean
 * 127.0.0.1: an address that others can reach has to be written out. -1: the message says what is wrong,
 * without the place.
 */
int listen_parse(const char *text, struct listen_at *ret, struct err *e);

/* Is this the name or number of the machine itself: 127.x.y.z, ::1 (with or without brackets), localhost? */
bool listen_is_loopback(const char *host);

#endif
