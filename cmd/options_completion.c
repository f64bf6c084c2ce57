/*
 * options_completion: completion scripts for bash, zsh and fish, printed from the rows of all commands.
 */
#include "cmd/options_text.h"

#include <string.h>

/* Text inside single quotes of a shell; `more` lists further bytes that get a backslash. */
static void quoted(FILE *to, const char *text, const char *more)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", to);
        else if (strchr(more, *text))
            fprintf(to, "\\%c", *text);
        else
            fputc(*text, to);
    }
}

static bool is_file(const struct option_row *row)
{
    return row->arg && (strstr(row->arg, "FILE") || strstr(row->arg, "DIR"));
}

static void bash_words(FILE *to, const struct command *c)
{
    const struct option_row *row = NULL;
    size_t i = 0;

    for (i = 0; c->sub && c->sub[i]; i++)
        fprintf(to, "%s ", c->sub[i]->name);
    for (row = c->options; row && row->name; row++)
        fprintf(to, "--%s ", row->name);
    fputs("--help", to);
}

static void bash_case(FILE *to, const char *name, const struct command *c)
{
    fprintf(to, "    '%s') words='", name);
    bash_words(to, c);
    fputs("' ;;\n", to);
}

static void bash(FILE *to)
{
    const struct command *const *c = NULL;
    char name[128];
    size_t i = 0;

    fputs("_sluice() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} words=''\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '",
          to);
    for (c = commands; *c; c++)
        fprintf(to, "%s ", (*c)->name);
    fputs("help man completion --help --version' -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
          to);
    for (c = commands; *c; c++) {
        for (i = 0; (*c)->sub && (*c)->sub[i]; i++) {
            snprintf(name, sizeof name, "%s %s", (*c)->name, (*c)->sub[i]->name);
            bash_case(to, name, (*c)->sub[i]);
        }
        snprintf(name, sizeof name, "%s '*'", (*c)->name);
        bash_case(to, name, *c);
    }
    fputs("    esac\n"
          "    if [ \"$COMP_CWORD\" -eq 2 ] || [ \"${cur#-}\" != \"$cur\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "    fi\n"
          "}\n"
          "complete -o default -F _sluice sluice\n",
          to);
}

static void zsh_options(FILE *to, const struct command *c)
{
    const struct option_row *row = NULL;

    fputs("_arguments '--help[print help]'", to);
    for (row = c->options; row && row->name; row++) {
        fprintf(to, " \\\n            '%s--%s%s[", row->type == OPT_LIST ? "*" : "", row->name,
                row->type == OPT_FLAG ? "" : "=");
        quoted(to, row->help, "[]:\\");
        fputc(']', to);
        if (row->type != OPT_FLAG) {
            fputc(':', to);
            quoted(to, row->arg ? row->arg : "VALUE", "[]:\\");
            fputs(is_file(row) ? ":_files" : ": ", to);
        }
        fputc('\'', to);
    }
    fputs(" '*:file:_files'", to);
}

static void zsh_list(FILE *to, const struct command *const *list)
{
    for (; *list; list++) {
        fprintf(to, " '%s:", (*list)->name);
        quoted(to, (*list)->summary, ":\\");
        fputc('\'', to);
    }
}

static void zsh_case(FILE *to, const struct command *c)
{
    size_t i = 0;

    fprintf(to, "    %s)\n", c->name);
    if (c->sub) {
        fputs("        if (( CURRENT == 3 )); then\n            list=(", to);
        zsh_list(to, c->sub);
        fputs(")\n            _describe command list\n            return\n        fi\n"
              "        case $words[3] in\n",
              to);
        for (i = 0; c->sub[i]; i++) {
            fprintf(to, "        %s) ", c->sub[i]->name);
            zsh_options(to, c->sub[i]);
            fputs(" ;;\n", to);
        }
        fputs("        esac", to);
    } else {
        fputs("        ", to);
        zsh_options(to, c);
    }
    fputs(" ;;\n", to);
}

static void zsh(FILE *to)
{
    const struct command *const *c = NULL;

    fputs("#compdef sluice\n\n_sluice() {\n    local -a list\n"
          "    if (( CURRENT == 2 )); then\n        list=(",
          to);
    zsh_list(to, commands);
    fputs(")\n        _describe command list\n        return\n    fi\n    case $words[2] in\n", to);
    for (c = commands; *c; c++)
        zsh_case(to, *c);
    fputs("    esac\n}\n\ncompdef _sluice sluice\n", to);
}

static void fish_options(FILE *to, const struct command *c, const char *condition)
{
    const struct option_row *row = NULL;

    for (row = c->options; row && row->name; row++) {
        fprintf(to, "complete -c sluice -n '%s' -l %s", condition, row->name);
        if (row->letter)
            fprintf(to, " -s %c", row->letter);
        fputs(row->type == OPT_FLAG ? "" : " -r", to);
        fputs(is_file(row) ? " -F" : "", to);
        fputs(" -d '", to);
        for (const char *p = row->help; *p; p++)
            fprintf(to, *p == '\'' || *p == '\\' ? "\\%c" : "%c", *p);
        fputs("'\n", to);
    }
}

static void fish_command(FILE *to, const struct command *c, const char *condition)
{
    fprintf(to, "complete -c sluice -n '%s' -f -a %s -d '", condition, c->name);
    for (const char *p = c->summary; *p; p++)
        fprintf(to, *p == '\'' || *p == '\\' ? "\\%c" : "%c", *p);
    fputs("'\n", to);
}

static void fish(FILE *to)
{
    const struct command *const *c = NULL;
    char condition[256];
    size_t i = 0;

    for (c = commands; *c; c++) {
        fish_command(to, *c, "__fish_use_subcommand");
        snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", (*c)->name);
        fish_options(to, *c, condition);
        for (i = 0; (*c)->sub && (*c)->sub[i]; i++) {
            fish_command(to, (*c)->sub[i], condition);
            snprintf(condition, sizeof condition,
                     "__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s",
                     (*c)->name, (*c)->sub[i]->name);
            fish_options(to, (*c)->sub[i], condition);
            snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", (*c)->name);
        }
    }
}

int options_completion(const char *shell, FILE *to)
{
    if (strcmp(shell, "bash") == 0)
        bash(to);
    else if (strcmp(shell, "zsh") == 0)
        zsh(to);
    else if (strcmp(shell, "fish") == 0)
        fish(to);
    else
        return -1;
    return 0;
}
