/*
 * window: two numbers for each row, between which its window lies; see window.h. It must not decide where a request
 * goes instead: select.c does. An estimate is not a count: what was served is believed more than what was refused.
 */
#include "policy/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define WINDOW_MAX INT64_C(1000000000)

bool window_is_small(const struct window *w, int64_t size)
{
    return w->refused > 0 && size >= w->refused;
}

/* An estimate of less than half of the window that was said does not measure this kind of request. */
void window_refused(struct window *w, int64_t size, int64_t said)
{
    int64_t least = said > 0 && said < size ? said : size;

    if (size < said / 2 || least <= 0)
        return;
    if (w->refused == 0 || least < w->refused)
        w->refused = least;
    if (w->served >= w->refused)
        w->served = w->refused - 1;
}

void window_served(struct window *w, int64_t size)
{
    if (size > w->served)
        w->served = size;
    if (w->refused > 0 && w->refused <= size)
        w->refused = size + 1;
}

static int64_t number_at(const char *p)
{
    char *end = NULL;
    long long n = 0;

    p += strspn(p, " (:");
    if (*p < '0' || *p > '9')
        return 0;
    n = strtoll(p, &end, 10);
    return end != p && n > 0 && n <= WINDOW_MAX ? n : 0;
}

int64_t window_said(const char *message)
{
    static const char *const before[] = {"context length is",
                                         "context length",
                                         "tokens allowed",
                                         "context size",
                                         "context limit",
                                         "> ",
                                         "<= ",
                                         "limit is"};
    int64_t n = 0;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(before) && n == 0; i++) {
        const char *p = strstr(message, before[i]);

        /* "limit: 190000 + 20000 > 200000" names its parts first. */
        if (p && !(strchr(p, '>') && *before[i] != '>'))
            n = number_at(p + strlen(before[i]));
    }
    return n;
}
