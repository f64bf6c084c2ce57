/*
 * report: what a person keeps of a job: one HTML file that needs nothing beside it. It holds numbers, names of
 * models and ids of tasks, and neither prompts nor answers.
 */
#ifndef SLUICE_CMD_BATCH_REPORT_H
#define SLUICE_CMD_BATCH_REPORT_H

#include "cmd/batch/tally.h"
#include "cmd/batch/timeline.h"

#define JOB_REPORT_ROW(opts, member)                                                               \
    {                                                                                              \
        .name = "report", .type = OPT_STR, .offset = offsetof(opts, member), .arg = "FILE",        \
        .help = "at the end, write a report of this run as one HTML file for a browser"            \
    }

/* Can the file be written, before any work is done? An older report stays as it is; a file that is neither empty nor a
 * page is refused, and so is the output (NULL: none is named). */
int report_check(const char *path, const char *output, struct err *e);

/* Replaces the file as a whole, where report_check() would allow it; path NULL: no report is wanted. */
int report_write(const char *path, const struct tally *t, const struct tally_totals *n,
                 const struct timeline *line, int64_t now_wall_ms, struct err *e);

/* The report could not be written. Returns what a command returns that would have returned rc: when it has failed
 * for another reason, that stands, and this one is only said. */
int report_failed(int rc, const struct err *why, struct err *e);

#endif
