/* find: the jobs below a directory, the last begun first. */
#ifndef SLUICE_CMD_RUNS_FIND_H
#define SLUICE_CMD_RUNS_FIND_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "base/err.h"

#define FIND_MAX   10000 /* jobs */
#define FIND_DEPTH 16    /* directories into each other */

struct found {
    struct json_object **at; /* as entry_load() gives them */
    size_t count;
    size_t damaged; /* files that say nothing; each is said on stderr */
    bool more;      /* there are more than FIND_MAX */
};

/* Hidden directories are passed over, symbolic links not followed. */
int find_runs(const char *dir, struct found *ret, struct err *e);
void found_done(struct found *f);

#endif
