/*
 * options_man: man pages (man(7) source), printed from the rows of a command.
 */
#include "cmd/options_text.h"

#include <ctype.h>
#include <string.h>

#include "cmd/manual.h"

/* A backslash, and a dot or a quote at the start of a line, mean something else in man(7). */
void man_text(FILE *to, const char *text)
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
void man_paragraphs(FILE *to, const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        int n = end ? (int)(end - text) : (int)strlen(text);
        char part[4096];

        snprintf(part, sizeof part, "%.*s", n, text);
        man_text(to, part);
        fputs(end ? "\n.PP\n" : "\n", to);
        text += n + (end ? 2 : 0);
    }
}

void man_item(FILE *to, const char *name, const char *text)
{
    fputs(".TP\n.B ", to);
    man_text(to, name);
    fputc('\n', to);
    man_text(to, text);
    fputs(".\n", to);
}

static void put_options(FILE *to, const struct command *c)
{
    const struct option_row *row = NULL;

    for (row = c->options; row && row->name; row++) {
        fputs(".TP\n", to);
        if (row->letter)
            fprintf(to, "\\fB\\-%c\\fR, ", row->letter);
        fputs("\\fB\\-\\-", to);
        man_text(to, row->name);
        fputs("\\fR", to);
        if (row->arg) {
            fputs(" \\fI", to);
            man_text(to, row->arg);
            fputs("\\fR", to);
        }
        fputc('\n', to);
        man_text(to, row->help);
        if (row->fallback && *row->fallback) {
            fputs(" (default: ", to);
            man_text(to, row->fallback);
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
    man_text(to, name);
    fprintf(to, "\n%s[\\fIOPTIONS\\fR]", c->sub ? "\\fICOMMAND\\fR " : "");
    if (c->operands) {
        fputc(' ', to);
        man_text(to, c->operands);
    }
    fputc('\n', to);
}

static void put_sub(FILE *to, const struct command *c)
{
    fputs(".SS ", to);
    man_text(to, c->name);
    fputc('\n', to);
    put_synopsis(to, c);
    fputs(".PP\n", to);
    man_text(to, c->summary);
    fputs(".\n", to);
    if (c->description) {
        fputs(".PP\n", to);
        man_paragraphs(to, c->description);
    }
    put_options(to, c);
}

static void put_exit_status(FILE *to)
{
    fputs(".SH EXIT STATUS\n", to);
    for (const struct manual_row *row = manual_exits; row->name; row++)
        man_item(to, row->name, row->text);
}

static void put_title(FILE *to, const char *name)
{
    fputs(".TH ", to);
    for (; *name; name++)
        fputc(toupper((unsigned char)*name), to);
    fprintf(to, " 1 \"\" \"sluice %s\" \"sluice\"\n.ad l\n.SH NAME\n", SLUICE_VERSION);
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
        man_text(to, (*c)->name);
        fputs(" (1)\n", to);
        man_text(to, (*c)->summary);
        fputs(".\n", to);
    }
    put_exit_status(to);
    fputs(".SH SEE ALSO\n.BR sluice (7),\n.BR sluice.yaml (5)\n", to);
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
    man_text(to, name);
    fputs(" \\- ", to);
    man_text(to, c->summary);
    fputs("\n.SH SYNOPSIS\n", to);
    put_synopsis(to, c);
    if (c->description) {
        fputs(".SH DESCRIPTION\n", to);
        man_paragraphs(to, c->description);
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
        man_text(to, c->examples);
        fputs("\n.fi\n", to);
    }
    put_exit_status(to);
    fputs(".SH SEE ALSO\n.BR sluice (1),\n.BR sluice (7),\n.BR sluice.yaml (5)\n", to);
}
