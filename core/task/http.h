/*
 * http: one HTTP request and one HTTP response as plain data, between providers (which write requests
 * and read responses) and io/http (which moves them). No I/O here.
 */
#ifndef SLUICE_TASK_HTTP_H
#define SLUICE_TASK_HTTP_H

#include <stdint.h>

#include "base/buf.h"

#define HTTP_HEADERS_MAX 24

struct http_header {
    char *name;
    char *value;
};

/*
 * With what io/http signs a request (AWS Signature Version 4), each time it is sent: a signature holds
 * the time. The texts are the configuration's, which outlives every call.
 */
struct http_aws {
    const char *key_id; /* NULL: not signed */
    const char *secret;
    const char *token; /* of a session, or NULL */
    const char *region;
    const char *service;
};

/* Always a POST with a JSON body unless `get` is set. */
struct http_request {
    char *url; /* whole URL; owned */
    bool get;
    struct http_header headers[HTTP_HEADERS_MAX]; /* owned; Content-Type is added by io/http */
    int nheaders;
    struct http_aws aws;
    struct buf body;
    int64_t timeout_ms; /* whole call */
    int64_t connect_timeout_ms;
};

void http_request_init(struct http_request *r, size_t body_max);
void http_request_done(struct http_request *r); /* wipes header values: keys live there */
int http_request_header(struct http_request *r, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))); /* -1: too many, or a control byte in the value */

/* How the transfer ended. Anything but HTTP_DONE means that `status` may be 0 and the body cut. */
enum http_end {
    HTTP_DONE,      /* a whole response arrived */
    HTTP_RESOLVE,   /* host name does not resolve */
    HTTP_CONNECT,   /* refused, unreachable, or connect time-out */
    HTTP_TLS,       /* handshake or certificate */
    HTTP_RESET,     /* connection lost before any byte of the response */
    HTTP_CUT,       /* connection lost inside the response */
    HTTP_TIMEOUT,   /* whole-call time-out; the request had been sent */
    HTTP_TOO_LARGE, /* response larger than allowed; reading stopped */
    HTTP_CANCELLED, /* by http_cancel() */
    HTTP_INTERNAL,  /* could not be started; `detail` says why */
};

struct http_response {
    enum http_end end;
    long status;        /* 0: no status line arrived */
    struct buf headers; /* "name: value\n" a line, names in lower case */
    struct buf body;
    int64_t elapsed_us;
    char detail[160]; /* the HTTP library's words when end is not HTTP_DONE */
};

void http_response_init(struct http_response *r, size_t headers_max, size_t body_max);
void http_response_done(struct http_response *r);

/* Value of a response header, or NULL. name in lower case. The value is copied to out (cut to cap). */
const char *http_response_header(const struct http_response *r, const char *name, char *out,
                                 size_t cap);

#endif
