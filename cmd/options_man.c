/*
 * options_man: man pages (man(7) source), printed from the rows of a command.
 */
#include "cmd/options_text.h"

#include <ctype.h>
#include <string.h>

/* A backslash, and a dot or a quote at the start of a line, mean something else in man(7). */
static void put(FILE *to, const char *text)
{
    bool start = true;

    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", to);
        start = *text == '\n';
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else
            fputc(*text, to);
    }
}

/* Paragraphs are divided by empty lines. */
static void put_paragraphs(FILE *to, const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        int n = end ? (int)(end - text) : (int)strlen(text);
        char part[4096];

        snprintf(part, sizeof part, "%.*s", n, text);
        put(to, part);
        fputs(end ? "\n.PP\n" : "\n", to);
        text += n + (end ? 2 : 0);
    }
}

static void put_options(FILE *to, const struct command *c)
{
    const struct option_row *row = NULL;

    for (row = c->options; row && row->name; row++) {
        fputs(".TP\n", to);
        if (row->letter)
            fprintf(to, "\\fB\\-%c\\fR, ", row->letter);
        fputs("\\fB\\-\\-", to);
        put(to, row->name);
        fputs("\\fR", to);
        if (row->arg) {
            fputs(" \\fI", to);
            put(to, row->arg);
            fputs("\\fR", to);
        }
        fputc('\n', to);
        put(to, row->help);
        if (row->fallback && *row->fallback) {
            fputs(" (default: ", to);
            put(to, row->fallback);
            fputc(')', to);
        }
        fputs(".\n", to);
    }
}

static void put_synopsis(FILE *to, const struct command *c)
{
    char name[128];

    options_name(c, " ", name, sizeof name);
    fputs(".B ", to);
    put(to, name);
    fprintf(to, "\n%s[\\fIOPTIONS\\fR]", c->sub ? "\\fICOMMAND\\fR " : "");
    if (c->operands) {
        fputc(' ', to);
        put(to, c->operands);
    }
    fputc('\n', to);
}

static void put_sub(FILE *to, const struct command *c)
{
    fputs(".SS ", to);
    put(to, c->name);
    fputc('\n', to);
    put_synopsis(to, c);
    fputs(".PP\n", to);
    put(to, c->summary);
    fputs(".\n", to);
    if (c->description) {
        fputs(".PP\n", to);
        put_paragraphs(to, c->description);
    }
    put_options(to, c);
}

static void put_exit_status(FILE *to)
{
    fputs(
        ".SH EXIT STATUS\n"
        "0 when all went well; 1 when some lines failed; 64 for wrong usage; 65 for bad input;\n"
        "66 when the input is missing; 69 when a service cannot be reached; 70 for a mistake of\n"
        "this program; 73 when the output cannot be made; 74 for a failed read or write; 75 when\n"
        "stopped early and safe to resume; 77 when access was refused; 78 for a mistake in the\n"
        "configuration; 130 and 143 when ended by a signal.\n",
        to);
}

static void put_title(FILE *to, const char *name)
{
    fputs(".TH ", to);
    for (; *name; name++)
        fputc(toupper((unsigned char)*name), to);
    fprintf(to, " 1 \"\" \"sluice %s\" \"sluice\"\n.SH NAME\n", SLUICE_VERSION);
}

/* sluice(1): the page above the pages. */
static void put_overview(FILE *to)
{
    const struct command *const *c = NULL;

    put_title(to, "sluice");
    fputs("sluice \\- a worker pool for language\\-model inference over Kafka\n"
          ".SH SYNOPSIS\n.B sluice\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
          to);
    for (c = commands; *c; c++) {
        fputs(".TP\n.BR sluice\\-", to);
        put(to, (*c)->name);
        fputs(" (1)\n", to);
        put(to, (*c)->summary);
        fputs(".\n", to);
    }
    put_exit_status(to);
    fputs(".SH SEE ALSO\n.BR sluice.yaml (5)\n", to);
}

void options_man(const struct command *c, FILE *to)
{
    char name[128];
    size_t i = 0;

    if (!c) {
        put_overview(to);
        return;
    }
    options_name(c, "-", name, sizeof name);
    put_title(to, name);
    put(to, name);
    fputs(" \\- ", to);
    put(to, c->summary);
    fputs("\n.SH SYNOPSIS\n", to);
    put_synopsis(to, c);
    if (c->description) {
        fputs(".SH DESCRIPTION\n", to);
        put_paragraphs(to, c->description);
    }
    if (c->sub)
        fputs(".SH COMMANDS\n", to);
    for (i = 0; c->sub && c->sub[i]; i++)
        put_sub(to, c->sub[i]);
    if (c->options && c->options->name) {
        fputs(".SH OPTIONS\n", to);
        put_options(to, c);
    }
    if (c->examples) {
        fputs(".SH EXAMPLES\n.nf\n", to);
        put(to, c->examples);
        fputs("\n.fi\n", to);
    }
    put_exit_status(to);
    fputs(".SH SEE ALSO\n.BR sluice (1),\n.BR sluice.yaml (5)\n", to);
}
