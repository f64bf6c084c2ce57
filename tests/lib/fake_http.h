/*
 * fake_http: a tiny HTTP server on loopback for unit tests: what it answers, and how it
 * misbehaves, is scripted by path. A thread a connection; not for benchmarks of rates.
 */
#ifndef SLUICE_TESTS_FAKE_HTTP_H
#define SLUICE_TESTS_FAKE_HTTP_H

#include <stddef.h>

enum fake_then {
    FAKE_KEEP,  /* wait for the next request */
    FAKE_CLOSE, /* orderly */
    FAKE_RESET, /* RST */
    FAKE_STALL, /* say nothing until the client goes away */
    FAKE_FLOOD, /* send `flood` more bytes, then close */
};

struct fake_script {
    const char *path;
    const char *answer; /* NULL: nothing is sent */
    int delay_ms;
    enum fake_then then;
    size_t flood;
};

struct fake_http;

/* The last script's path is NULL; a path that is not there answers 404. Aborts on failure. */
struct fake_http *fake_http_new(const struct fake_script *scripts);
struct fake_http *fake_http_free(struct fake_http *f); /* ends all connections */
int fake_http_port(const struct fake_http *f);
int fake_http_connections(struct fake_http *f); /* accepted so far */
int fake_http_requests(struct fake_http *f);    /* read so far */
size_t fake_http_flooded(struct fake_http *f);  /* bytes that FAKE_FLOOD could send */
/* The last request as it came, head and body, cut to cap. */
void fake_http_last(struct fake_http *f, char *out, size_t cap);

#endif
