/*
 * sim: the simulated provider as a library: `sluice sim` runs it, and `sluice dev` runs it on its own
 * threads inside the process.
 *
 * It speaks OpenAI chat completions, responses and embeddings, Anthropic messages, and Cohere's and
 * Ollama's own interfaces over HTTP/1.1, answers the same body in the same way every time, injects faults
 * by plan, enforces rate limits and counts what a client did. Any thread may call these functions;
 * sim_stop() only once.
 */
#ifndef SLUICE_CMD_SIM_SIM_H
#define SLUICE_CMD_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cmd/sim/limit.h"
#include "base/err.h"
#include "cmd/command.h"

/* Every field may be left zero or NULL: that means its default, or "off". Strings are as typed on the
 * command line (see `sluice sim --help`) and need to live only during sim_start(). */
struct sim_conf {
    const char *host;          /* 127.0.0.1 */
    int64_t port;              /* 0: any free one, see sim_port() */
    int64_t threads;           /* 1 */
    int64_t seed;              /* 0 */
    int64_t body_max;          /* bytes of a request body; 16 MiB */
    int64_t max_connections;   /* 20000 */
    int64_t max_digests;       /* bodies told apart; 4194304 */
    const char *api_key;       /* NULL: anyone may call */
    const char *count_header;  /* X-Sluice-Digest */
    struct option_list models; /* empty: any model exists */
    const char *latency;       /* none */
    const char *answer;        /* echo | text | lorem */
    const char *text;          /* the answer of `text` */
    int64_t answer_bytes;      /* bound on an echo; 4096 */
    const char *output_tokens; /* of `lorem`: "64" or "20..200" */
    int64_t cached_percent;    /* share of prompt tokens reported as cached */
    int64_t reasoning_tokens;  /* added to the usage of each answer */
    int64_t dimensions;        /* of embeddings that do not ask for a number; 64 */
    int64_t rps, rpm, rpd, tpm, input_tpm, output_tpm, tpd, parallel; /* limits; 0: none */
    bool limit_all;            /* limits are for all models together, not for each */
    bool count_only;           /* count violations, but let the request pass */
    int64_t limit_window_ms;   /* 60000 */
    const char *limit_header;  /* retry-after | retry-after-ms | retry-after-date | reset | none */
    struct option_list faults; /* "KIND:PERCENT[,key=value]" */
    const char *script;        /* file of JSON lines */
};

struct sim_counters {
    uint64_t requests;  /* POSTs to a simulated endpoint */
    uint64_t ok;        /* answered with status 200, whatever was in it */
    uint64_t calls;     /* answers begun that a real provider would bill, delivered or not */
    uint64_t paid;      /* of these: whole answers handed to the kernel */
    uint64_t abandoned; /* the client left before its answer was out */
    uint64_t violations[SIM_LIMITS];
    uint64_t faults; /* injected, of any kind */
    uint64_t distinct_bodies, repeated_bodies, max_per_digest;
    uint64_t in_flight, max_in_flight, connections;
    bool overflow; /* more different bodies than max_digests: the four above are lower bounds */
};

struct sim;

/* Listens and starts the threads. NULL with e on a bad setting or when it cannot listen. */
struct sim *sim_start(const struct sim_conf *conf, struct err *e);
uint16_t sim_port(const struct sim *s);
void sim_counters(struct sim *s, struct sim_counters *ret);
void sim_stats(struct sim *s, bool digests, struct buf *out); /* what GET /stats answers */
void sim_stop(struct sim *s); /* closes every connection, joins, frees; NULL is fine */

#endif
