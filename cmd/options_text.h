/*
 * options_text: what help, man pages and completions share. Private to cmd/options*.c, cmd/manual.c
 * and cmd/main.c.
 */
#ifndef SLUICE_CMD_OPTIONS_TEXT_H
#define SLUICE_CMD_OPTIONS_TEXT_H

#include "cmd/command.h"

/* "sluice cache stat", with `between` in place of the spaces. */
void options_name(const struct command *c, const char *between, char *out, size_t cap);

/* One line a command: name and summary. */
void options_summaries(const struct command *const *list, FILE *to);

/* man(7) source: text as it is; paragraphs, divided by empty lines; an item of a list, with a full stop behind. */
void man_text(FILE *to, const char *text);
void man_paragraphs(FILE *to, const char *text);
void man_item(FILE *to, const char *name, const char *text);

#endif
