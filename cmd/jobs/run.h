/*
 * run: the identity of a job over Kafka and how far its requests are sent. It lives in a manifest (a small
 * JSON file) that `enqueue` writes, and that tells `collect` which replies belong to it and how many there
 * will be. The header sluice-run of each record carries the id.
 */
#ifndef SLUICE_CMD_JOBS_RUN_H
#define SLUICE_CMD_JOBS_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/batch/failed.h"
#include "cmd/batch/index.h"

#define RUN_ID_MAX 100
#define RUN_HEADER "sluice-run"

struct run {
    char id[RUN_ID_MAX + 1];
    char topic[256];    /* requests */
    char replies[256];  /* topic of the replies, as the configuration of enqueue has it */
    char servers[1024]; /* bootstrap.servers */
    char cluster[128];  /* "" when the broker does not say */
    char input[4096];   /* absolute path */
    char digest[INDEX_DIGEST_TEXT]; /* of all its rows (index.h) */
    int64_t input_bytes;            /* its size, so that a changed file is noticed */
    uint32_t rows;                  /* leading rows of the input that belong to the run */
    uint32_t unreadable;            /* rows that cannot be sent: they get no reply (--keep-going) */
    char retry[FAILED_MARK];        /* which failures it sends again (failed.h), or "": every row */
    uint32_t sent;                  /* leading rows of the input that the broker has acknowledged */
};

enum run_result { RUN_LOADED = 0, RUN_NONE = 1 };

int run_load(struct run *r, const char *path, struct err *e);
int run_save(const struct run *r, const char *path, struct err *e);

/* A new random id, or the one that the user gave: letters, digits, ".", "_" and "-". */
int run_name(struct run *r, const char *wanted, struct err *e);
bool run_name_good(const char *id);

/* May a run with this manifest go on as `now` describes it (with more rows, perhaps)? -1 with what differs. */
int run_check_same(const struct run *saved, const struct run *now, const char *path, struct err *e);

#endif
