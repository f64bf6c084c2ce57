/*
 * options_help: the text of --help, printed from the rows of a command.
 */
#include "cmd/options_text.h"

#include <string.h>

#define COLUMN 30 /* where the help of an option begins */
#define WIDTH  96

/* The command that this one is a sub-command of, or NULL. */
static const struct command *parent_of(const struct command *c)
{
    size_t i = 0;
    size_t k = 0;

    for (i = 0; commands[i]; i++) {
        for (k = 0; commands[i]->sub && commands[i]->sub[k]; k++) {
            if (commands[i]->sub[k] == c)
                return commands[i];
        }
    }
    return NULL;
}

void options_name(const struct command *c, const char *between, char *out, size_t cap)
{
    const struct command *parent = parent_of(c);

    if (parent)
        snprintf(out, cap, "sluice%s%s%s%s", between, parent->name, between, c->name);
    else
        snprintf(out, cap, "sluice%s%s", between, c->name);
}

/* Words broken at WIDTH; all lines but the first begin at `indent`. col: where the first one stands. */
static void print_words(FILE *to, int indent, int col, const char *text)
{
    while (*text) {
        int n = (int)strcspn(text, " \n");

        if (col > indent && col + 1 + n > WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            col = indent;
        }
        col += fprintf(to, "%s%.*s", col > indent ? " " : "", n, text);
        text += n;
        if (*text == '\n') {
            fprintf(to, "\n%*s", text[1] && text[1] != '\n' ? indent : 0, "");
            col = indent;
        }
        text += *text ? 1 : 0;
    }
    fputc('\n', to);
}

static void print_option(FILE *to, const struct option_row *row)
{
    int col = 0;

    if (row->letter)
        col = fprintf(to, "  -%c, --%s", row->letter, row->name);
    else
        col = fprintf(to, "      --%s", row->name);
    if (row->arg)
        col += fprintf(to, " %s", row->arg);
    if (col + 2 > COLUMN) {
        fputc('\n', to);
        col = 0;
    }
    fprintf(to, "%*s", COLUMN - col, "");
    if (row->fallback && *row->fallback) {
        char text[512];

        snprintf(text, sizeof text, "%s (default: %s)", row->help, row->fallback);
        print_words(to, COLUMN, COLUMN, text);
    } else {
        print_words(to, COLUMN, COLUMN, row->help);
    }
}

void options_summaries(const struct command *const *list, FILE *to)
{
    for (; *list; list++)
        fprintf(to, "  %-14s %s\n", (*list)->name, (*list)->summary);
}

void options_help(const struct command *c, FILE *to)
{
    static const struct option_row help = {
        .name = "help", .letter = 'h', .type = OPT_FLAG, .help = "print this text"};
    const struct option_row *row = NULL;
    char name[128];

    options_name(c, " ", name, sizeof name);
    fprintf(to, "Usage: %s%s%s%s\n\n", name, c->sub ? " COMMAND" : "",
            c->operands ? " [OPTIONS] " : " [OPTIONS]", c->operands ? c->operands : "");
    print_words(to, 0, 0, c->summary);
    if (c->description) {
        fputc('\n', to);
        print_words(to, 0, 0, c->description);
    }
    if (c->sub) {
        fputs("\nCommands:\n", to);
        options_summaries(c->sub, to);
    }
    fputs("\nOptions:\n", to);
    for (row = c->options; row && row->name; row++)
        print_option(to, row);
    print_option(to, &help);
    if (c->examples)
        fprintf(to, "\nExamples:\n%s%s", c->examples,
                c->examples[strlen(c->examples) - 1] == '\n' ? "" : "\n");
}
