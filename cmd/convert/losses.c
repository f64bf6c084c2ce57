/* losses: see losses.h. */
#include "cmd/convert/losses.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "base/utf8.h"

/* "messages[12].name" to "messages[].name", so that the same field of all lines is one. */
static void general(const char *field, char *out, size_t cap)
{
    size_t n = 0;
    bool inside = false;

    for (; *field && n + 1 < cap; field++) {
        inside = inside && *field != ']';
        if (!inside)
            out[n++] = *field;
        inside = inside || *field == '[';
    }
    out[n] = '\0';
}

static struct loss *loss_of(struct losses *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->at[i].field, name) == 0)
            return &l->at[i];
    }
    if (l->count == LOSSES_MAX) {
        snprintf(l->at[LOSSES_MAX].field, sizeof l->at[0].field, "other fields");
        return &l->at[LOSSES_MAX];
    }
    snprintf(l->at[l->count].field, sizeof l->at[0].field, "%s", name);
    return &l->at[l->count++];
}

int losses_add(struct losses *l, const char *field, const char *why, struct err *e)
{
    char name[sizeof l->at[0].field];
    struct loss *loss = NULL;

    if (!l->allowed)
        return err_set(e, EX_DATAERR, "%s: %s; --lossy leaves it out", field, why);
    general(field, name, sizeof name);
    loss = loss_of(l, name);
    if (loss->count++ == 0)
        loss->first = l->line;
    return 0;
}

void losses_report(const struct losses *l, FILE *to)
{
    for (size_t i = 0; i < ARRAY_LEN(l->at); i++) {
        char field[sizeof l->at[0].field];

        if (l->at[i].count == 0)
            continue;
        memcpy(field, l->at[i].field, sizeof field);
        fprintf(to, "convert: left out %" PRIu64 " times, first in line %" PRId64 ": %s\n",
                l->at[i].count, l->at[i].first, utf8_plain(field));
    }
}
