/*
 * option_rows: the options that mean the same to every command that runs a job (`batch`, `enqueue`, `collect`).
 * A row takes the options struct and its member; where the default differs, the help as well.
 */
#ifndef SLUICE_CMD_JOBS_OPTION_ROWS_H
#define SLUICE_CMD_JOBS_OPTION_ROWS_H

#include "cmd/command.h"

#define JOB_INPUT_ROW(opts, member)                                                                \
    {                                                                                              \
        .name = "input", .letter = 'i', .type = OPT_STR, .offset = offsetof(opts, member),         \
        .arg = "FILE",                                                                             \
        .help = "input: JSONL (batch lines, bare bodies, any rows with --template) or CSV"         \
    }

#define JOB_ERROR_FILE_ROW(opts, member)                                                           \
    {                                                                                              \
        .name = "error-file", .letter = 'e', .type = OPT_STR, .offset = offsetof(opts, member),    \
        .arg = "FILE", .help = "replies that are failures go here instead of to the output"        \
    }

#define JOB_SERVERS_ROW(opts, member, text)                                                        \
    {                                                                                              \
        .name = "bootstrap-servers", .letter = 'b', .type = OPT_STR,                               \
        .offset = offsetof(opts, member), .arg = "HOST:PORT", .help = (text)                       \
    }

#define JOB_TOPIC_ROW(opts, member, text)                                                          \
    {                                                                                              \
        .name = "topic", .type = OPT_STR, .offset = offsetof(opts, member), .arg = "NAME",         \
        .help = (text)                                                                             \
    }

#define JOB_PROGRESS_ROW(opts, member)                                                             \
    {                                                                                              \
        .name = "progress", .type = OPT_STR, .offset = offsetof(opts, member), .arg = "MODE",      \
        .fallback = "auto", .help = "auto, live, plain, json or none"                              \
    }

#endif
