/*
 * admin: the HTTP server of the admin port, over libmicrohttpd: one thread, a few connections, one request each.
 * It knows no page: the caller hands over a table of them.
 *
 * For whoever may reach the port and means no good: there are at most ADMIN_CONNECTIONS at once; each is cut off
 * ADMIN_SECONDS after it was opened, whatever it does; headers and bodies are bounded. On loopback the Host must
 * be the machine itself, so that a page in a browser cannot reach the port by a name of its own (DNS rebinding);
 * no POST is taken that a browser sends for another page (Origin). A POST must bring the token when there is one,
 * a GET where that is asked for; without one a POST must come to loopback.
 */
#ifndef SLUICE_IO_ADMIN_H
#define SLUICE_IO_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "task/listen.h"

#define ADMIN_CONNECTIONS 64
#define ADMIN_SECONDS     5
#define ADMIN_BODY_MAX    4096 /* of a request; it is read and thrown away */
#define ADMIN_ANSWER_MAX  ((size_t)8 << 20)

struct admin;
struct admin_request;

/* An argument of the query, "level" of /log-level?level=debug, or NULL. Good until the page is made. */
const char *admin_argument(const struct admin_request *q, const char *name);

/* Has the query no argument but this one, once or not at all? */
bool admin_argument_alone(const struct admin_request *q, const char *name);

/* Filled by a page. Where nothing is set: 200, JSON. */
struct admin_answer {
    int status;
    const char *type;  /* Content-Type; a literal */
    const char *allow; /* methods, with 405; or NULL */
    struct buf body;
};

struct admin_page {
    const char *path; /* NULL ends the table; a path may have two rows */
    bool post;        /* answers POST and changes something; else GET and HEAD */
    bool open;        /* never wants the token */
    const char *help; /* what it is for, for the manual; or NULL */
    /* Admin thread; must not block. */
    void (*make)(void *arg, const struct admin_request *q, struct admin_answer *ret);
};

struct admin_setup {
    struct listen_at at;
    const char *token;              /* "": none; outlives the server */
    bool token_reads;               /* it is wanted for reading, too, but for pages that are open */
    const struct admin_page *pages; /* outlives it, too */
    void *arg;                      /* of make() */
};

struct admin *admin_start(const struct admin_setup *setup, struct err *e);
uint16_t admin_port(const struct admin *a);
struct admin *admin_stop(struct admin *a); /* waits for the page that is being made */

/* {"error":"..."} with this status. */
void admin_refuse(struct admin_answer *ret, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
