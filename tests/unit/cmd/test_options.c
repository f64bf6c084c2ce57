/* options: what is read, what each mistake is answered with, and that the texts name every option. */
#include "cmd/command.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

struct fake {
    struct config_options config;
    bool quiet;
    const char *name;
    int64_t count;
    double rate;
    int64_t wait_ms;
    int64_t size;
    struct option_list tags;
};

static const struct option_row rows[] = {
    CONFIG_OPTION_ROWS(struct fake, config),
    {.name = "quiet", .letter = 'q', .offset = offsetof(struct fake, quiet), .help = "say less"},
    {.name = "name",
     .letter = 'n',
     .type = OPT_STR,
     .offset = offsetof(struct fake, name),
     .arg = "NAME",
     .fallback = "nobody",
     .help = "somebody's name: 'quoted' [and] more"},
    {.name = "count",
     .type = OPT_INT,
     .offset = offsetof(struct fake, count),
     .arg = "N",
     .fallback = "3",
     .min = 1,
     .max = 10,
     .help = "how many"},
    {.name = "rate",
     .type = OPT_NUM,
     .offset = offsetof(struct fake, rate),
     .arg = "R",
     .help = "how often"},
    {.name = "wait",
     .type = OPT_DURATION,
     .offset = offsetof(struct fake, wait_ms),
     .arg = "TIME",
     .fallback = "5s",
     .help = "how long"},
    {.name = "size",
     .type = OPT_SIZE,
     .offset = offsetof(struct fake, size),
     .arg = "SIZE",
     .help = "how much"},
    {.name = "tag",
     .letter = 't',
     .type = OPT_LIST,
     .offset = offsetof(struct fake, tags),
     .arg = "TAG",
     .help = "a tag, may be given several times"},
    {.name = NULL},
};

static int never(const void *opts, int nargs, char *const *args, struct err *e)
{
    (void)opts;
    (void)nargs;
    (void)args;
    return err_set(e, EX_SOFTWARE, "not called here");
}

static const struct command with = {.name = "with",
                                    .summary = "takes operands",
                                    .operands = "FILE...",
                                    .description = "First.\n\nSecond one.",
                                    .examples = "sluice with a\n",
                                    .options = rows,
                                    .options_size = sizeof(struct fake),
                                    .run = never};
static const struct command without = {
    .name = "without", .summary = "takes none", .options = rows, .run = never};
static const struct command leaf = {.name = "leaf", .summary = "a leaf", .run = never};
static const struct command *const leaves[] = {&leaf, NULL};
static const struct command tree = {.name = "tree", .summary = "has leaves", .sub = leaves};

const struct command *const commands[] = {&with, &without, &tree, NULL};

struct result {
    struct fake o;
    struct err e;
    int rc, nargs;
    char **args;
};

/* Arguments divided by blanks; "_" stands for an empty one. */
static struct result parse(const struct command *c, char *line)
{
    static char empty[] = "";
    struct result r = {0};
    char *argv[32];
    char *rest = NULL;
    char *word = NULL;
    int argc = 0;

    for (word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = strcmp(word, "_") == 0 ? empty : word;
    r.rc = options_parse(c, argc, argv, &r.o, &r.nargs, &r.args, &r.e);
    return r;
}

static void done(struct result *r)
{
    options_done(&with, &r->o);
    free(r->args);
}

Test(options, defaults)
{
    char line[] = "";
    struct result r = parse(&with, line);

    cr_assert_eq(r.rc, 0, "%s", r.e.msg);
    cr_expect_str_eq(r.o.name, "nobody");
    cr_expect_eq(r.o.count, 3);
    cr_expect_eq(r.o.wait_ms, 5000);
    cr_expect_eq(r.o.rate, 0);
    cr_expect_null(r.o.config.config);
    cr_expect_eq(r.nargs, 0);
    done(&r);
}

Test(options, every_form)
{
    char line[] = "a -q -n joe --count=7 b --rate 0.5 --wait=1h30m --size 64k -t x --tag=y -tz "
                  "--set pool.workers=1 -cconf.yaml - -- -q --x";
    struct result r = parse(&with, line);

    cr_assert_eq(r.rc, 0, "%s", r.e.msg);
    cr_expect(r.o.quiet);
    cr_expect_str_eq(r.o.name, "joe");
    cr_expect_eq(r.o.count, 7);
    cr_expect_eq(r.o.rate, 0.5);
    cr_expect_eq(r.o.wait_ms, 5400000);
    cr_expect_eq(r.o.size, 65536);
    cr_assert_eq(r.o.tags.count, 3);
    cr_expect_str_eq(r.o.tags.at[1], "y");
    cr_expect_str_eq(r.o.tags.at[2], "z");
    cr_expect_str_eq(r.o.config.config, "conf.yaml");
    cr_expect_str_eq(r.o.config.set.at[0], "pool.workers=1");
    cr_assert_eq(r.nargs, 5);
    cr_expect_str_eq(r.args[0], "a");
    cr_expect_str_eq(r.args[2], "-");
    cr_expect_str_eq(r.args[3], "-q");
    done(&r);
}

Test(options, short_ones_together)
{
    char line[] = "-qn joe";
    struct result r = parse(&with, line);

    cr_assert_eq(r.rc, 0, "%s", r.e.msg);
    cr_expect(r.o.quiet);
    cr_expect_str_eq(r.o.name, "joe");
    done(&r);
}

Test(options, an_empty_value_is_a_value)
{
    char line[] = "--name _";
    struct result r = parse(&with, line);

    cr_assert_eq(r.rc, 0, "%s", r.e.msg);
    cr_expect_str_eq(r.o.name, "");
    done(&r);
}

Test(options, mistakes)
{
    static const struct {
        const char *line;
        const char *says;
    } cases[] = {
        {"--cuont 5", "unknown option --cuont; did you mean --count?"},
        {"--hlep", "did you mean --help?"},
        {"--zzzzzzzz", "unknown option --zzzzzzzz"},
        {"-x", "unknown option -x"},
        {"-qx", "unknown option -x"},
        {"--count", "--count needs a value: --count N"},
        {"-n", "--name needs a value"},
        {"--quiet=yes", "--quiet takes no value"},
        {"--count 0", "--count: 0 is out of range, allowed are 1 to 10"},
        {"--count=11", "out of range"},
        {"--count x", "`x` is not a whole number"},
        {"--count _", "is not a whole number"},
        {"--rate nan", "`nan` is not a number"},
        {"--wait soon", "`soon` is not a duration"},
        {"--size -5", "`-5` is not a size"},
        {"file", "does not know what to do with `file`"},
        {"-t a --set b -- x", "does not know what to do with `x`"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        char line[64];
        struct result r = {0};

        snprintf(line, sizeof line, "%s", cases[i].line);
        r = parse(&without, line);
        cr_expect_eq(r.rc, -1, "accepted: %s", cases[i].line);
        cr_expect_eq(r.e.code, EX_USAGE);
        cr_expect(strstr(r.e.msg, cases[i].says), "%s: said: %s", cases[i].line, r.e.msg);
        done(&r);
    }
}

static char *text_of(void (*fn)(const struct command *c, FILE *to), const struct command *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    fn(c, f);
    fclose(f);
    return text;
}

Test(options, help_and_man_name_every_option)
{
    CLEANUP_FREE char *help = text_of(options_help, &with);
    CLEANUP_FREE char *man = text_of(options_man, &with);
    const struct option_row *row = NULL;

    for (row = rows; row->name; row++) {
        cr_expect(strstr(help, row->name), "--help lacks %s", row->name);
        cr_expect(strstr(man, row->name), "man lacks %s", row->name);
    }
    cr_expect(strstr(help, "Usage: sluice with [OPTIONS] FILE..."), "%s", help);
    cr_expect(strstr(help, "-n, --name NAME"), "%s", help);
    cr_expect(strstr(help, "(default: 3)"), "%s", help);
    cr_expect(strstr(help, "First.\n\nSecond one."), "%s", help);
    cr_expect(strstr(man, ".SH EXAMPLES"), "%s", man);
    cr_expect_eq(strncmp(man, ".TH SLUICE-WITH 1", 17), 0, "%s", man);
}

Test(options, sub_commands_know_their_parent)
{
    CLEANUP_FREE char *help = text_of(options_help, &leaf);
    CLEANUP_FREE char *parent = text_of(options_help, &tree);
    CLEANUP_FREE char *man = text_of(options_man, &tree);
    CLEANUP_FREE char *all = text_of(options_man, NULL);

    cr_expect(strstr(help, "Usage: sluice tree leaf [OPTIONS]"), "%s", help);
    cr_expect(strstr(parent, "Usage: sluice tree COMMAND"), "%s", parent);
    cr_expect(strstr(parent, "leaf           a leaf"), "%s", parent);
    cr_expect(strstr(man, ".SS leaf"), "%s", man);
    cr_expect(strstr(all, "sluice\\-without"), "%s", all);
}

Test(options, completions)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(shells); i++) {
        CLEANUP_FREE char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);

        cr_expect_eq(options_completion(shells[i], f), 0);
        fclose(f);
        cr_expect(strstr(text, "without"), "%s", text);
        cr_expect(strstr(text, "leaf"), "%s", text);
        cr_expect(strstr(text, shells[i][0] == 'f' ? "-l count" : "--count"), "%s", text);
    }
    cr_expect_eq(options_completion("tcsh", stderr), -1);
}
