/*
 * window: how large a request a row takes, learned from those that it refused and those that it served. Pure. Sizes
 * are those of estimate_task(): tokens of the input and of the longest answer. Forgotten at a restart.
 */
#ifndef SLUICE_POLICY_WINDOW_H
#define SLUICE_POLICY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing is known. */
struct window {
    int64_t refused; /* the smallest size that was too large; 0: none was */
    int64_t served;  /* the largest that was not */
};

/* Was a size too large, as far as it is known? */
bool window_is_small(const struct window *w, int64_t size);

/* A request was too large; said: window_said(). */
void window_refused(struct window *w, int64_t size, int64_t said);
void window_served(struct window *w, int64_t size);

/* The size of the window that a provider's message names, in tokens; 0: none. */
int64_t window_said(const char *message);

#endif
