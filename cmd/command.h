/*
 * command: the table of commands and their options. Argument parsing, --help, the man pages and the shell
 * completions are all made from these rows (cmd/options.c), so they cannot disagree.
 *
 * To add a command: write cmd/<name>.c with a `const struct command command_<name>`, and name it in the
 * table of cmd/main.c.
 *
 * Machine-readable output goes to stdout; progress, reports and logs to stderr. Exit codes (design 2.4):
 * 0; 1 some lines failed; 64-78 as in sysexits.h; 75 (EX_TEMPFAIL) stopped, safe to resume; 130/143 by
 * signal.
 */
#ifndef SLUICE_CMD_COMMAND_H
#define SLUICE_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "task/config.h"

enum option_type {
    OPT_FLAG,     /* bool */
    OPT_STR,      /* const char * */
    OPT_INT,      /* int64_t, with min and max */
    OPT_NUM,      /* double */
    OPT_DURATION, /* int64_t milliseconds: "500ms", "30s", "5m", "2h", "1d", plain number: seconds */
    OPT_SIZE,     /* int64_t bytes: "4096", "64k", "10M", "2G" */
    OPT_LIST,     /* struct option_list: may be given several times */
};

struct option_list {
    const char **at;
    size_t count;
};

struct option_row {
    const char *name; /* long name without dashes; NULL ends the table */
    char letter;      /* short form, or 0 */
    enum option_type type;
    size_t offset;        /* into the command's options struct */
    const char *arg;      /* name of the argument in --help, "FILE"; NULL for flags */
    const char *fallback; /* default, as typed; NULL: zero / false / NULL */
    int64_t min, max;     /* OPT_INT; both 0: unbounded */
    const char *help;     /* one sentence, no full stop */
};

struct command {
    const char *name;
    const char *summary;     /* one line */
    const char *operands;    /* "FILE...", or NULL: takes none */
    const char *description; /* paragraphs for man page and --help, or NULL */
    const char *examples;    /* lines "command\n", or NULL */
    const struct option_row *options;
    size_t options_size;              /* sizeof of the options struct */
    const struct command *const *sub; /* NULL-terminated: sub-commands instead of run; or NULL */
    const struct command *otherwise;  /* that of them which is meant when none is named, or NULL */
    /* opts points to the filled options struct. Returns the exit code; when it is not 0 and e->msg is set,
     * main prints "sluice NAME: MESSAGE". */
    int (*run)(const void *opts, int nargs, char *const *args, struct err *e);
};

/* Rows that most commands share: -c/--config FILE and --set KEY=VALUE. */
struct config_options {
    const char *config;
    struct option_list set;
};
#define CONFIG_OPTION_ROWS(opts, member)                                                           \
    {.name = "config",                                                                             \
     .letter = 'c',                                                                                \
     .type = OPT_STR,                                                                              \
     .offset = offsetof(opts, member) + offsetof(struct config_options, config),                   \
     .arg = "FILE",                                                                                \
     .help = "configuration file (YAML)"},                                                         \
    {                                                                                              \
        .name = "set", .type = OPT_LIST,                                                           \
        .offset = offsetof(opts, member) + offsetof(struct config_options, set),                   \
        .arg = "KEY=VALUE", .help = "set one configuration key, such as pool.workers=4"            \
    }

/* Loads (file, environment, --set) and resolves the configuration with our provider tables, and sets up
 * the log. Without -c: ./sluice.yaml when it exists, else defaults. Returns 0 or an exit code. */
int command_config(const struct config_options *o, struct config **ret, struct err *e);

extern const struct command *const commands[]; /* NULL at the end; cmd/main.c */

/*
 * cmd/options.c. argv begins behind the command's name; opts is zeroed. Returns -1 with e on bad usage; 0; or
 * OPTIONS_HELP when help was printed. *ret_args is an array to be freed, its strings are those of argv.
 */
enum { OPTIONS_HELP = 1 };
int options_parse(const struct command *c, int argc, char *const *argv, void *opts, int *ret_nargs,
                  char ***ret_args, struct err *e);
void options_done(const struct command *c, void *opts); /* frees what parsing allocated in opts */
void options_help(const struct command *c, FILE *to);
void options_man(const struct command *c, FILE *to); /* man(7) source; NULL: sluice(1) itself */
int options_completion(const char *shell, FILE *to); /* bash, zsh, fish; -1: another one */

#endif
