/*
 * input: rows of a job, from JSONL or CSV, as request records.
 *
 * Without a template a JSONL line is a record as it stands (batch line, bare body, prompt). With a template,
 * or from CSV, each row becomes a batch line: custom_id from the id field (default: custom_id, task_id or id
 * when the row has one, else "row-N" with the line number), one user message from the template, the model and
 * the extra parameters of the command line.
 */
#ifndef SLUICE_CMD_BATCH_INPUT_H
#define SLUICE_CMD_BATCH_INPUT_H

#include "base/buf.h"
#include "base/err.h"
#include "cmd/command.h"
#include "task/task.h"

struct input_options {
    const char *format; /* auto, jsonl, csv, tsv */
    const char *template;
    const char *system;
    const char *id_field;
    const char *model;
    struct option_list params; /* KEY=JSON */
};

#define INPUT_OPTION_ROWS(opts, member)                                                            \
    {.name = "format",                                                                             \
     .type = OPT_STR,                                                                              \
     .offset = offsetof(opts, member) + offsetof(struct input_options, format),                    \
     .arg = "FORMAT",                                                                              \
     .fallback = "auto",                                                                           \
     .help = "auto, jsonl, csv or tsv; auto goes by the file's name"},                             \
        {.name = "template",                                                                       \
         .letter = 't',                                                                            \
         .type = OPT_STR,                                                                          \
         .offset = offsetof(opts, member) + offsetof(struct input_options, template),              \
         .arg = "TEXT",                                                                            \
         .help = "make a prompt of each row, such as 'Solve: {question}'"},                        \
        {.name = "system",                                                                         \
         .type = OPT_STR,                                                                          \
         .offset = offsetof(opts, member) + offsetof(struct input_options, system),                \
         .arg = "TEXT",                                                                            \
         .help = "system message in front of each templated prompt"},                              \
        {.name = "id-field",                                                                       \
         .type = OPT_STR,                                                                          \
         .offset = offsetof(opts, member) + offsetof(struct input_options, id_field),              \
         .arg = "NAME",                                                                            \
         .help =                                                                                   \
             "field of the row that is its custom_id; default: custom_id, task_id or id, else "    \
             "row-N"},                                                                             \
        {.name = "model",                                                                          \
         .letter = 'm',                                                                            \
         .type = OPT_STR,                                                                          \
         .offset = offsetof(opts, member) + offsetof(struct input_options, model),                 \
         .arg = "NAME",                                                                            \
         .help = "model for rows that name none"},                                                 \
    {                                                                                              \
        .name = "param", .letter = 'p', .type = OPT_LIST,                                          \
        .offset = offsetof(opts, member) + offsetof(struct input_options, params),                 \
        .arg = "KEY=JSON", .help = "parameter for each templated request, such as temperature=0"   \
    }

struct input;

struct input_row {
    int64_t number;     /* line number of its first line */
    const char *record; /* the request record; valid until the next call */
    size_t len;
    char fallback_id[32]; /* "row-N": the id when the record has none */
};

enum input_result {
    INPUT_GOOD = 0,
    INPUT_END = 1,
    INPUT_BAD =
        2 /* this row cannot be read; e says why, with file and line; the next call goes on */
};

struct input *input_open(const char *path, const struct input_options *o, size_t record_max,
                         struct err *e);
struct input *input_close(struct input *in);
int input_next(struct input *in, struct input_row *ret, struct err *e);
int input_rewind(struct input *in, struct err *e);
int64_t input_size(const struct input *in); /* bytes; -1: unknown */

/* A task with the record of the row, as it came from a file just now; its key is the row's fallback id. */
struct task *input_task(const struct input_row *row);
/* Gives the task of an INPUT_BAD row its error reply: nobody can be asked about it. */
void input_refuse(struct task *t, const struct config *c, const struct err *why);

#endif
