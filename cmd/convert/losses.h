/*
 * losses: what a conversion cannot carry over. Without --lossy that is an error that names the field; with it the field
 * is left out and counted, for one line a field at the end.
 */
#ifndef SLUICE_CMD_CONVERT_LOSSES_H
#define SLUICE_CMD_CONVERT_LOSSES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

#define LOSSES_MAX 64

struct loss {
    char field[64]; /* without the numbers in brackets */
    uint64_t count;
    int64_t first; /* line */
};

struct losses {
    bool allowed;                   /* --lossy */
    int64_t line;                   /* that is being converted */
    struct loss at[LOSSES_MAX + 1]; /* the last: all others */
    size_t count;
};

/* 0: it is to be left out. -1: not allowed; e says where and why. field: a path such as "messages[2].name". */
int losses_add(struct losses *l, const char *field, const char *why, struct err *e);
void losses_report(const struct losses *l, FILE *to);

#endif
