/* cache: the table of the sub-commands of `sluice cache` and of their options. */
#include "cmd/cache/cache.h"

#define AT(member) offsetof(struct cache_options, member)
#define COMMON_ROWS                                                                                \
    CONFIG_OPTION_ROWS(struct cache_options, config),                                              \
        {.name = "path",                                                                           \
         .type = OPT_STR,                                                                          \
         .offset = AT(path),                                                                       \
         .arg = "DIR",                                                                             \
         .help = "directory of the store instead of cache.path"},                                  \
    {                                                                                              \
        .name = "slot", .type = OPT_INT, .offset = AT(slot), .arg = "N", .fallback = "-1",         \
        .min = -1, .max = 255,                                                                     \
        .help = "slot of the worker, needed when there are several; -1: the only one"              \
    }
#define JSON_ROW                                                                                   \
    {                                                                                              \
        .name = "json", .type = OPT_FLAG, .offset = AT(json), .help = "print JSON"                 \
    }
#define MODEL_ROW                                                                                  \
    {                                                                                              \
        .name = "model", .letter = 'm', .type = OPT_STR, .offset = AT(model), .arg = "NAME",       \
        .help = "only completions of this model_name"                                              \
    }
#define EXPIRED_ROW                                                                                \
    {                                                                                              \
        .name = "expired", .type = OPT_FLAG, .offset = AT(expired),                                \
        .help = "only expired completions"                                                         \
    }

static const struct option_row stat_rows[] = {COMMON_ROWS, JSON_ROW, {0}};
static const struct option_row plain_rows[] = {COMMON_ROWS, {0}};
static const struct option_row list_rows[] = {COMMON_ROWS,
                                              JSON_ROW,
                                              MODEL_ROW,
                                              EXPIRED_ROW,
                                              {.name = "limit",
                                               .letter = 'n',
                                               .type = OPT_INT,
                                               .offset = AT(limit),
                                               .arg = "N",
                                               .fallback = "0",
                                               .min = 0,
                                               .max = INT64_MAX,
                                               .help = "stop after N completions; 0: all"},
                                              {0}};
static const struct option_row export_rows[] = {COMMON_ROWS, MODEL_ROW, EXPIRED_ROW, {0}};
static const struct option_row rm_rows[] = {
    COMMON_ROWS,
    MODEL_ROW,
    EXPIRED_ROW,
    {.name = "all", .type = OPT_FLAG, .offset = AT(all), .help = "every completion"},
    {0}};

static const struct command cache_stat = {.name = "stat",
                                          .summary = "show numbers and sizes",
                                          .options = stat_rows,
                                          .options_size = sizeof(struct cache_options),
                                          .run = cache_run_stat};
static const struct command cache_get = {.name = "get",
                                         .summary = "print completions by key",
                                         .operands = "KEY...",
                                         .options = stat_rows,
                                         .options_size = sizeof(struct cache_options),
                                         .run = cache_run_get};
static const struct command cache_ls = {
    .name = "ls",
    .summary = "list completions: key, model, provider, created, expires, bytes",
    .options = list_rows,
    .options_size = sizeof(struct cache_options),
    .run = cache_run_ls};
static const struct command cache_rm = {.name = "rm",
                                        .summary = "remove completions",
                                        .operands = "[KEY...]",
                                        .options = rm_rows,
                                        .options_size = sizeof(struct cache_options),
                                        .run = cache_run_rm};
static const struct command cache_export = {.name = "export",
                                            .summary = "write completions to standard output",
                                            .options = export_rows,
                                            .options_size = sizeof(struct cache_options),
                                            .run = cache_run_export};
static const struct command cache_import = {.name = "import",
                                            .summary = "read completions that export wrote",
                                            .operands = "[FILE]",
                                            .options = plain_rows,
                                            .options_size = sizeof(struct cache_options),
                                            .run = cache_run_import};
static const struct command cache_verify = {.name = "verify",
                                            .summary = "read every value and check it",
                                            .options = plain_rows,
                                            .options_size = sizeof(struct cache_options),
                                            .run = cache_run_verify};

static const struct command *const cache_commands[] = {&cache_stat,   &cache_get,    &cache_ls,
                                                       &cache_rm,     &cache_export, &cache_import,
                                                       &cache_verify, NULL};

const struct command command_cache = {
    .name = "cache",
    .summary = "look into the completion cache and change it",
    .description =
        "Works beside a running worker: reading does not disturb it, and changes are made by it.\n",
    .examples = "sluice cache stat\n"
                "sluice cache ls --model fast --limit 10\n"
                "sluice cache rm --expired\n"
                "sluice cache export > cache.jsonl\n",
    .sub = cache_commands,
};
