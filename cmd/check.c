/*
 * check: `sluice check`: is the configuration right, before a worker finds out? Offline by default.
 */
#include <stdio.h>
#include <sysexits.h>

#include "cmd/check.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/command.h"
#include "policy/budget.h"

struct check_options {
    struct config_options config;
    bool print;
    bool sample;
    bool online;
    bool strict;
};

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct check_options, config),
    {.name = "print",
     .letter = 'p',
     .type = OPT_FLAG,
     .offset = offsetof(struct check_options, print),
     .help = "write the effective configuration to stdout, secrets as ***"},
    {.name = "sample",
     .type = OPT_FLAG,
     .offset = offsetof(struct check_options, sample),
     .help = "write a sample configuration with every key and its default to stdout"},
    {.name = "online",
     .type = OPT_FLAG,
     .offset = offsetof(struct check_options, online),
     .help = "also ask the broker for the topics, and each provider for its models"},
    {.name = "strict",
     .type = OPT_FLAG,
     .offset = offsetof(struct check_options, strict),
     .help = "take warnings for errors"},
    {.name = NULL},
};

static void print_warning(void *arg, const char *text)
{
    size_t *count = arg;
    char *plain CLEANUP_FREE = mem_strdup(text);

    *count += 1;
    fprintf(stderr, "warning: %s\n", utf8_plain(plain));
}

static int check_online(const struct config *c)
{
    int broker = check_broker(c, stderr);
    int models = check_providers(c, stderr);

    return broker ? broker : models;
}

static int check_config(const struct check_options *o, const struct config *c)
{
    const char *file = c->path ? c->path : "configuration (no file)";
    size_t warnings = 0;
    struct err e = {0};
    int rc = check_kafka_properties(c, stderr);

    if (budget_check(c, &e) < 0) {
        fprintf(stderr, "error: %s\n", utf8_plain(e.msg));
        rc = EX_CONFIG;
    }
    config_warnings(c, print_warning, &warnings);
    if (o->print)
        config_print(c, stdout);
    if (rc == 0 && o->strict && warnings)
        rc = EX_CONFIG;
    if (rc == 0 && o->online)
        rc = check_online(c);
    if (!o->print)
        printf("%s: %s, %zu model rows, %zu warnings\n", file, rc ? "not ok" : "ok", c->nmodels,
               warnings);
    return rc;
}

static int run(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct check_options *o = opts;
    struct config *c = NULL;
    int rc = 0;

    (void)nargs;
    (void)args;
    if (o->sample) {
        config_print_sample(stdout);
        return EX_OK;
    }
    rc = command_config(&o->config, &c, e);
    if (rc)
        return rc;
    rc = check_config(o, c);
    config_free(c);
    return rc;
}

const struct command command_check = {
    .name = "check",
    .summary = "find mistakes in the configuration",
    .description =
        "Reads the configuration as every command does: the file, SLUICE__SECTION__KEY from the "
        "environment, then --set. Unknown keys, wrong values, unset variables, unreachable models "
        "and refused Kafka properties are errors; missing prices, limits that do not fit each "
        "other "
        "and the like are warnings.\n\n"
        "Without --config, ./sluice.yaml is read when it exists.",
    .examples = "sluice check -c sluice.yaml\n"
                "sluice check --print --set pool.max_calls=256\n"
                "sluice check --sample > sluice.yaml\n",
    .options = rows,
    .options_size = sizeof(struct check_options),
    .run = run,
};
