/* resume: outputs that are gone on with: which replies they hold already. */
#ifndef SLUICE_CMD_JOBS_RESUME_H
#define SLUICE_CMD_JOBS_RESUME_H

#include <stddef.h>

#include "base/err.h"
#include "io/jsonl.h"
#include "task/reply.h"

struct resume {
    const char *input; /* of the job, for the message; NULL: any reply may stand there */
    void *arg;
    /* Told the id of each reply. -1: it is not of this job, whose output this cannot be. */
    int (*take)(void *arg, const char *id, size_t len);
    void (*see)(void *arg, const struct reply_view *v); /* told each reply of this job; or NULL */
};

/* Opens a file of replies for appending and reads what it holds (nothing when it is no regular file). -1 with the line
 * when one is no reply or not of this job; *ret is to be closed in that case, too. */
int resume_open(const struct resume *r, const char *path, struct line_writer **ret, struct err *e);

#endif
