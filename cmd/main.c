/*
 * main: the table of commands, and the way from argv to one of them. Everything a command needs beyond its
 * options it sets up itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/command.h"
#include "cmd/manual.h"
#include "cmd/options_text.h"

extern const struct command command_batch;
extern const struct command command_cache;
extern const struct command command_check;
extern const struct command command_collect;
extern const struct command command_convert;
extern const struct command command_dev;
extern const struct command command_dlq;
extern const struct command command_drain;
extern const struct command command_enqueue;
extern const struct command command_explain;
extern const struct command command_health;
extern const struct command command_import_litellm;
extern const struct command command_pause;
extern const struct command command_resume;
extern const struct command command_runs;
extern const struct command command_sim;
extern const struct command command_top;
extern const struct command command_topics;
extern const struct command command_worker;

const struct command *const commands[] = {
    &command_batch,
    &command_worker,
    &command_enqueue,
    &command_collect,
    &command_runs,
    &command_convert,
    &command_dev,
    &command_sim,
    &command_check,
    &command_topics,
    &command_cache,
    &command_dlq,
    &command_health,
    &command_top,
    &command_explain,
    &command_pause,
    &command_resume,
    &command_drain,
    &command_import_litellm,
    NULL,
};

#define COMMANDS_MAX 64

static void usage(FILE *to)
{
    fputs("Usage: sluice COMMAND [OPTIONS]\n\nA worker pool for language-model inference over "
          "Kafka.\n\nCommands:\n",
          to);
    options_summaries(commands, to);
    fputs("\n  help COMMAND       options of a command\n"
          "  man [COMMAND]      man page as man(7) source; `sluice man sluice.yaml` for the "
          "configuration,\n                     `sluice man 7` for how it all works\n"
          "  completion SHELL   completion script for bash, zsh or fish\n"
          "  --version\n",
          to);
}

/* The command of this name in a table; says on stderr when there is none. */
static const struct command *find(const struct command *const *list, const char *above,
                                  const char *name)
{
    const char *names[COMMANDS_MAX];
    const char *near = NULL;
    size_t n = 0;

    for (n = 0; n < COMMANDS_MAX && list[n]; n++) {
        names[n] = list[n]->name;
        if (strcmp(list[n]->name, name) == 0)
            return list[n];
    }
    near = config_nearest(name, names, n);
    if (near)
        fprintf(stderr, "sluice%s: unknown command `%s`; did you mean `%s`?\n", above, name, near);
    else
        fprintf(stderr, "sluice%s: unknown command `%s`; `sluice%s --help` lists them\n", above,
                name, above);
    return NULL;
}

/* Follows argv to a command without sub-commands; *argc and *argv then begin behind its name. */
static const struct command *descend(const struct command *c, int *argc, char ***argv)
{
    while (c && c->sub) {
        char above[64];

        snprintf(above, sizeof above, " %s", c->name);
        if (*argc > 0 && (strcmp(**argv, "--help") == 0 || strcmp(**argv, "-h") == 0))
            return c;
        if (c->otherwise && (*argc == 0 || ***argv == '-'))
            return c->otherwise;
        if (*argc == 0) {
            fprintf(stderr, "sluice%s: which one? `sluice%s --help` lists them\n", above, above);
            return NULL;
        }
        c = find(c->sub, above, **argv);
        *argc -= 1;
        *argv += 1;
    }
    return c;
}

static int run(const struct command *c, int argc, char **argv)
{
    CLEANUP_FREE void *opts = mem_alloc(c->options_size ? c->options_size : 1);
    CLEANUP_FREE char **args = NULL;
    struct err e = {0};
    char name[128];
    int nargs = 0;
    int rc = options_parse(c, argc, argv, opts, &nargs, &args, &e);

    if (rc == OPTIONS_HELP)
        return EX_OK;
    options_name(c, " ", name, sizeof name);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\nTry `%s --help`.\n", name, utf8_plain(e.msg), name);
        return EX_USAGE;
    }
    rc = c->run(opts, nargs, args, &e);
    options_done(c, opts);
    if (rc < 0)
        rc = e.code ? e.code : EX_SOFTWARE;
    if (rc && e.msg[0])
        fprintf(stderr, "%s: %s\n", name, utf8_plain(e.msg));
    return rc;
}

static int help_or_man(bool man, int argc, char **argv)
{
    const struct command *c = NULL;

    if (argc == 0) {
        if (man)
            options_man(NULL, stdout);
        else
            usage(stdout);
        return EX_OK;
    }
    if (man && strcmp(argv[0], "sluice.yaml") == 0) {
        config_print_man(stdout);
        return EX_OK;
    }
    if (man && strcmp(argv[0], "7") == 0) {
        manual_print(stdout);
        return EX_OK;
    }
    c = find(commands, "", argv[0]);
    if (c && c->sub && argc > 1) {
        char above[64];

        snprintf(above, sizeof above, " %s", c->name);
        c = find(c->sub, above, argv[1]);
    }
    if (!c)
        return EX_USAGE;
    if (man)
        options_man(c, stdout);
    else
        options_help(c, stdout);
    return EX_OK;
}

static int completion(int argc, char **argv)
{
    if (argc == 1 && options_completion(argv[0], stdout) == 0)
        return EX_OK;
    fputs("Usage: sluice completion bash|zsh|fish\n", stderr);
    return EX_USAGE;
}

static int dispatch(int argc, char **argv)
{
    const char *name = argv[0];
    const struct command *c = NULL;

    argc--;
    argv++;
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("sluice " SLUICE_VERSION);
        return EX_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help_or_man(false, argc, argv);
    if (strcmp(name, "man") == 0)
        return help_or_man(true, argc, argv);
    if (strcmp(name, "completion") == 0)
        return completion(argc, argv);
    c = descend(find(commands, "", name), &argc, &argv);
    if (!c)
        return EX_USAGE;
    if (c->sub) {
        options_help(c, stdout);
        return EX_OK;
    }
    return run(c, argc, argv);
}

int main(int argc, char **argv)
{
    int rc = 0;

    signal(SIGPIPE, SIG_IGN); /* a closed pipe or socket is an error of the write */
    if (argc < 2) {
        usage(stderr);
        return EX_USAGE;
    }
    rc = dispatch(argc - 1, argv + 1);
    if (fclose(stdout) != 0 && rc == EX_OK) {
        fprintf(stderr, "sluice: cannot write the output: %s\n", strerror(errno));
        rc = EX_IOERR;
    }
    return rc;
}
