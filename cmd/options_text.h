/*
 * options_text: what help, man pages and completions share. Private to cmd/options*.c and cmd/main.c.
 */
#ifndef SLUICE_CMD_OPTIONS_TEXT_H
#define SLUICE_CMD_OPTIONS_TEXT_H

#include "cmd/command.h"

/* "sluice cache stat", with `between` in place of the spaces. */
void options_name(const struct command *c, const char *between, char *out, size_t cap);

/* One line a command: name and summary. */
void options_summaries(const struct command *const *list, FILE *to);

#endif
