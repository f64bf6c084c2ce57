/*
 * options: reads arguments by the rows of a command. It writes into the command's options struct and never
 * acts on what it reads; --help text, man pages and completions stand in options_help.c, options_man.c and
 * options_completion.c.
 */
#include "cmd/command.h"

#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

#define OPTIONS_MAX 64

struct parser {
    const struct command *c;
    int argc;
    char *const *argv;
    int next; /* argument to be read */
    void *opts;
    char **args; /* operands */
    int nargs;
    struct err *e;
};

static const struct option_row *row_by_name(const struct command *c, const char *name, size_t n)
{
    const struct option_row *row = NULL;

    for (row = c->options; row && row->name; row++) {
        if (strlen(row->name) == n && strncmp(row->name, name, n) == 0)
            return row;
    }
    return NULL;
}

static const struct option_row *row_by_letter(const struct command *c, char letter)
{
    const struct option_row *row = NULL;

    for (row = c->options; row && row->name; row++) {
        if (row->letter == letter)
            return row;
    }
    return NULL;
}

static int unknown_option(const struct parser *p, const char *name, size_t n)
{
    CLEANUP_FREE char *given = mem_dup(name, n);
    const char *names[OPTIONS_MAX] = {"help"};
    const struct option_row *row = NULL;
    const char *near = NULL;
    size_t count = 1;

    for (row = p->c->options; row && row->name && count < OPTIONS_MAX; row++)
        names[count++] = row->name;
    near = config_nearest(given, names, count);
    if (near)
        return err_set(p->e, EX_USAGE, "unknown option --%.80s; did you mean --%s?", given, near);
    return err_set(p->e, EX_USAGE, "unknown option --%.80s", given);
}

static int set_int(const struct option_row *row, int64_t *field, const char *value, struct err *e)
{
    int64_t v = 0;

    if (config_int(value, &v) < 0)
        return err_set(e, EX_USAGE, "--%s: `%.60s` is not a whole number", row->name, value);
    if ((row->min || row->max) && (v < row->min || v > row->max))
        return err_set(e, EX_USAGE, "--%s: %s is out of range, allowed are %lld to %lld", row->name,
                       value, (long long)row->min, (long long)row->max);
    *field = v;
    return 0;
}

static void list_add(struct option_list *l, const char *value)
{
    l->at = mem_grow(l->at, l->count + 1, sizeof *l->at);
    l->at[l->count++] = value;
}

static int set_option(const struct option_row *row, void *opts, const char *value, struct err *e)
{
    void *field = (char *)opts + row->offset;

    switch (row->type) {
    case OPT_FLAG:
        *(bool *)field = true;
        return 0;
    case OPT_STR:
        *(const char **)field = value;
        return 0;
    case OPT_LIST:
        list_add(field, value);
        return 0;
    case OPT_INT:
        return set_int(row, field, value, e);
    case OPT_NUM:
        if (config_num(value, field) < 0)
            return err_set(e, EX_USAGE, "--%s: `%.60s` is not a number", row->name, value);
        return 0;
    case OPT_DURATION:
        if (config_duration(value, field) < 0)
            return err_set(e, EX_USAGE,
                           "--%s: `%.60s` is not a duration such as 500ms, 30s, 5m, 2h or 1d",
                           row->name, value);
        return 0;
    case OPT_SIZE:
        if (config_size(value, field) < 0)
            return err_set(e, EX_USAGE, "--%s: `%.60s` is not a size such as 4096, 64k, 10M or 2G",
                           row->name, value);
        return 0;
    }
    return 0;
}

/* The value of an option: given with it, or the next argument. */
static int take_value(struct parser *p, const struct option_row *row, const char *given)
{
    if (row->type == OPT_FLAG && given)
        return err_set(p->e, EX_USAGE, "--%s takes no value", row->name);
    if (row->type != OPT_FLAG && !given) {
        if (p->next >= p->argc)
            return err_set(p->e, EX_USAGE, "--%s needs a value: --%s %s", row->name, row->name,
                           row->arg ? row->arg : "VALUE");
        given = p->argv[p->next++];
    }
    return set_option(row, p->opts, given, p->e);
}

static int parse_long(struct parser *p, const char *arg)
{
    const char *equals = strchr(arg, '=');
    size_t n = equals ? (size_t)(equals - arg) : strlen(arg);
    const struct option_row *row = row_by_name(p->c, arg, n);

    if (!row && strcmp(arg, "help") == 0)
        return OPTIONS_HELP;
    if (!row)
        return unknown_option(p, arg, n);
    return take_value(p, row, equals ? equals + 1 : NULL);
}

/* "-v", "-vq" and "-cFILE". */
static int parse_short(struct parser *p, const char *arg)
{
    for (; *arg; arg++) {
        const struct option_row *row = row_by_letter(p->c, *arg);

        if (!row && *arg == 'h')
            return OPTIONS_HELP;
        if (!row)
            return err_set(p->e, EX_USAGE, "unknown option -%c", *arg);
        if (row->type != OPT_FLAG)
            return take_value(p, row, arg[1] ? arg + 1 : NULL);
        if (take_value(p, row, NULL) < 0)
            return -1;
    }
    return 0;
}

static int add_operand(struct parser *p, char *arg)
{
    if (!p->c->operands)
        return err_set(p->e, EX_USAGE, "does not know what to do with `%.80s`", arg);
    p->args[p->nargs++] = arg;
    return 0;
}

static int parse_all(struct parser *p)
{
    bool only_operands = false;
    int bad = 0;

    while (p->next < p->argc && bad == 0) {
        char *arg = p->argv[p->next++];

        if (only_operands || arg[0] != '-' || !arg[1])
            bad = add_operand(p, arg);
        else if (strcmp(arg, "--") == 0)
            only_operands = true;
        else if (arg[1] == '-')
            bad = parse_long(p, arg + 2);
        else
            bad = parse_short(p, arg + 1);
    }
    return bad;
}

static int set_fallbacks(const struct command *c, void *opts, struct err *e)
{
    const struct option_row *row = NULL;

    for (row = c->options; row && row->name; row++) {
        if (row->fallback && set_option(row, opts, row->fallback, e) < 0)
            return -1;
    }
    return 0;
}

void options_done(const struct command *c, void *opts)
{
    const struct option_row *row = NULL;

    for (row = c->options; row && row->name; row++) {
        struct option_list *l = (void *)((char *)opts + row->offset);

        if (row->type != OPT_LIST)
            continue;
        free(l->at);
        *l = (struct option_list){0};
    }
}

int options_parse(const struct command *c, int argc, char *const *argv, void *opts, int *ret_nargs,
                  char ***ret_args, struct err *e)
{
    CLEANUP_FREE char **args = mem_array((size_t)argc + 1, sizeof *args);
    struct parser p = {.c = c, .argc = argc, .argv = argv, .opts = opts, .args = args, .e = e};
    int rc = set_fallbacks(c, opts, e);

    if (rc == 0)
        rc = parse_all(&p);
    if (rc == OPTIONS_HELP)
        options_help(c, stdout);
    if (rc) {
        options_done(c, opts);
        return rc;
    }
    *ret_nargs = p.nargs;
    *ret_args = STEAL(args);
    return 0;
}
