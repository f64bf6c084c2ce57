/*
 * config_sample: the annotated sample file and the man page sluice.yaml(5), printed from the rows of
 * config_table.c. deploy/examples/sluice.yaml is the output of config_print_sample(); a test compares them.
 */
#include "task/config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "task/config_table.h"

#define COLUMNS 96

static const char *type_words(const struct conf_row *row)
{
    switch (row->type) {
    case CONF_INT:
        return "whole number";
    case CONF_NUM:
        return "number";
    case CONF_BOOL:
        return "true or false";
    case CONF_DURATION:
        return "duration";
    case CONF_SIZE:
        return "size";
    case CONF_LIST:
        return "list";
    case CONF_SECRET:
        return "secret";
    case CONF_REGION:
        return "text, list, or map of names to weights";
    case CONF_PROPERTIES:
        return "map of names to values";
    case CONF_JSON:
        return "map, or JSON text";
    case CONF_FALLBACKS:
        return "list of model: [models]";
    case CONF_KAFKA:
        return "map of properties";
    case CONF_TENANTS:
        return "map of tenants";
    case CONF_MODELS:
        return "list of rows";
    case CONF_STR:
    case CONF_ENUM:
    case CONF_ROUTE:
        break;
    }
    return "text";
}

/* "whole number, 0 to 256" or "text: debug, info, warn, error". Durations and sizes show no range. */
static void type_text(const struct conf_row *row, char *out, size_t cap)
{
    const char *const *choice = NULL;
    size_t n = (size_t)snprintf(out, cap, "%s", type_words(row));

    if ((row->type == CONF_INT || row->type == CONF_NUM) && row->min < row->max)
        snprintf(out + n, cap - n, ", %lld to %lld", (long long)row->min, (long long)row->max);
    for (choice = row->choices; choice && *choice && n < cap; choice++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s", choice == row->choices ? ": " : ", ",
                              *choice);
}

/* A comment, broken between words. */
static void print_comment(FILE *to, int indent, const char *text)
{
    int col = 0; /* 0: nothing is printed yet */

    while (*text) {
        int n = (int)strcspn(text, " ");

        if (col == 0 || col + 1 + n > COLUMNS) {
            fprintf(to, "%s%*s#", col ? "\n" : "", indent, "");
            col = indent + 1;
        }
        fprintf(to, " %.*s", n, text);
        col += 1 + n;
        text += n;
        text += *text == ' ';
    }
    fputc('\n', to);
}

/* Words that YAML would not take as text without quotes. */
static bool wants_quotes(const struct conf_row *row)
{
    return (row->type == CONF_STR || row->type == CONF_SECRET) && !*row->fallback;
}

static void print_setting(FILE *to, const struct conf_row *row, int indent)
{
    const char *leaf = conf_leaf(row->path);

    if (row->fallback && wants_quotes(row))
        fprintf(to, "%*s#%s: \"\"\n", indent, "", leaf);
    else if (row->fallback && row->type == CONF_LIST)
        fprintf(to, "%*s#%s: [%s]\n", indent, "", leaf, row->fallback);
    else if (row->fallback)
        fprintf(to, "%*s#%s: %s\n", indent, "", leaf, row->fallback);
    else if (row->type == CONF_LIST)
        fprintf(to, "%*s#%s: []\n", indent, "", leaf);
    else if (row->type == CONF_NUM && row->example)
        fprintf(to, "%*s#%s: %s\n", indent, "", leaf, row->example);
}

/* The lines below a key: as they are, or each behind a "#". */
static void print_example(FILE *to, const char *text, bool comment)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        size_t skip = comment ? 2 : 0; /* the two spaces that "  #" stands for */

        fprintf(to, "%s%.*s\n", comment ? "  #" : "", (int)(n - skip), text + skip);
        text += n;
        text += *text == '\n';
    }
}

static void sample_row(FILE *to, const struct conf_row *row, int indent)
{
    char type[200];
    CLEANUP_FREE char *text = NULL;
    size_t cap = 0;

    type_text(row, type, sizeof type);
    cap = strlen(row->help) + sizeof type + 4;
    text = mem_alloc(cap);
    snprintf(text, cap, "%s (%s)", row->help, type);
    print_comment(to, indent, text);
    if (row->type == CONF_KAFKA || row->type == CONF_MODELS) {
        fprintf(to, "%s:\n", row->path);
        print_example(to, row->example, false);
    } else if (row->example && row->type != CONF_NUM) {
        fprintf(to, "%*s#%s:\n", indent, "", conf_leaf(row->path));
        print_example(to, row->example, true);
    } else {
        print_setting(to, row, indent);
    }
}

/* The keys of a model that the example does not show. */
static void sample_model_rows(FILE *to)
{
    const struct conf_row *row = NULL;

    fputs("  # All keys of a row:\n", to);
    for (row = conf_model_rows; row->path; row++) {
        CLEANUP_FREE char *text = mem_alloc(strlen(row->path) + strlen(row->help) + 4);

        snprintf(text, strlen(row->path) + strlen(row->help) + 4, "%s: %s", row->path, row->help);
        print_comment(to, 2, text);
    }
}

void config_print_sample(FILE *to)
{
    const struct conf_row *row = NULL;
    const char *section = "";

    fputs(
        "# Configuration of sluice. Keys that are commented out show their defaults.\n"
        "# Durations: 500ms, 30s, 5m, 2h, 7d (a plain number is seconds). Sizes: 64KB, 16MB, 2GB\n"
        "# (in powers of 1024; a plain number is bytes). Any value may hold ${NAME} or\n"
        "# ${NAME:-default}, or be os.environ/NAME. `sluice check` finds mistakes.\n",
        to);
    for (row = conf_rows; row->path; row++) {
        size_t n = (size_t)(conf_leaf(row->path) - row->path);

        if (n == 0 || strncmp(section, row->path, n) != 0)
            fputc('\n', to);
        if (n && strncmp(section, row->path, n) != 0)
            fprintf(to, "%.*s:\n", (int)n - 1, row->path);
        section = row->path;
        sample_row(to, row, n ? 2 : 0);
        if (row->type == CONF_MODELS)
            sample_model_rows(to);
    }
}

/* ---- man page -------------------------------------------------------------------------------- */

/* man(7) text: a backslash, and a dot or quote at the start of a line, mean something else there. */
static void man_text(FILE *to, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", to);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else
            fputc(*text, to);
    }
}

static void man_rows(FILE *to, const struct conf_row *rows)
{
    const struct conf_row *row = NULL;
    char type[200];

    for (row = rows; row->path; row++) {
        type_text(row, type, sizeof type);
        fputs(".TP\n.B ", to);
        man_text(to, row->path);
        fputs("\n(", to);
        man_text(to, type);
        if (row->fallback) {
            fputs("; default ", to);
            man_text(to, *row->fallback ? row->fallback : "\"\"");
        }
        fputs(")\n", to);
        man_text(to, row->help);
        fputs(".\n", to);
    }
}

void config_print_man(FILE *to)
{
    fputs(
        ".TH SLUICE.YAML 5 \"\" \"sluice " SLUICE_VERSION "\"\n"
        ".SH NAME\nsluice.yaml \\- configuration of sluice\n"
        ".SH DESCRIPTION\n"
        "One YAML file. A key is written below its section:\n.BR pool.workers\nis\n.B workers:\n"
        "below\n.BR pool: .\n"
        "Unknown and duplicate keys, wrong types and values out of range are errors.\n.PP\n"
        "A value is taken from\n.B \\-\\-set\n.IR KEY = VALUE ,\n"
        "from the environment variable\n.B SLUICE__A__B\n"
        "(upper case, two underscores between levels; below\n.B kafka\n"
        "one underscore is a dot), from the file, or is the default, in this order.\n.PP\n"
        "Durations are written as 500ms, 30s, 5m, 2h or 7d; a plain number is seconds. Sizes are\n"
        "written as 64KB, 16MB or 2GB, in powers of 1024; a plain number is bytes. Any value may\n"
        "hold\n.B ${NAME}\nor\n.BR ${NAME:\\-default} ,\n"
        "or be\n.BR os.environ/NAME ;\na variable that is not set is an error. A plain ${ is\n"
        "written as $${.\n"
        ".SH KEYS\n",
        to);
    man_rows(to, conf_rows);
    fputs(".SH KEYS OF A ROW OF MODEL_LIST\n.B litellm_params\nis accepted for\n.BR params .\n",
          to);
    man_rows(to, conf_model_rows);
    fputs(".SH KEYS OF A TENANT\n", to);
    man_rows(to, conf_tenant_rows);
    fputs(".SH SEE ALSO\n.BR sluice (1),\n.BR sluice (7)\n", to);
}
