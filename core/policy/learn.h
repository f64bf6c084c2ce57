/*
 * learn: what a route was found to bear, beside the limits that are configured. Pure: time is an argument.
 *
 * Nothing is known at first, and nothing is held back. A refusal (rate limit, overload) sets the number of
 * calls at once to what ran beside it; from there it comes down once a burst and grows back slowly, past the
 * old mark after a while. Less than one call at once means pauses between calls: so a rate is found like a
 * number of calls. After an outage the calls come back doubling by the second. And the headers of good answers
 * say what is left until when: calls go no faster than that. All of it only ever holds calls back: the
 * configured limits stand in front.
 */
#ifndef SLUICE_POLICY_LEARN_H
#define SLUICE_POLICY_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/explain.h"
#include "task/task.h"

/* What one kind of headers said the last time. */
struct learn_left {
    int64_t calls;    /* newest call that it was said to: what started since comes off */
    int64_t tokens;   /* that had started with it */
    int64_t from_us;  /* when that one started */
    int64_t until_us; /* when all is there again; past it nothing is known */
    double left;      /* at from_us */
    double refill_s;  /* comes back in a second; 0: all of it at once, at until_us */
};

enum learn_kind { LEARN_REQUESTS, LEARN_TOKENS, LEARN_KINDS };

struct learn {
    int64_t running;  /* let go and not ended */
    int64_t calls;    /* let go, ever */
    int64_t tokens;   /* their estimates */
    int64_t start_us; /* of the newest call */
    double most;    /* calls at once around which it looks for the right number; 0: none is known */
    int64_t cut_us; /* when that was found */
    bool served;    /* a call was, since then */
    double good;    /* answers of the last hundred or so that were, and */
    double refused; /* that were refusals */
    double latency_us;  /* of good answers, about */
    int64_t restore_us; /* calls come back since then; 0: they are all back */
    struct learn_left said[LEARN_KINDS];
};

enum learn_result { LEARN_GO = 0, LEARN_WAIT = 1 /* until *ret_at_us; INT64_MAX: a call ends */ };

/* May a call of that many tokens start? Changes nothing. *ret_why says what holds it. */
int learn_try(const struct learn *l, int64_t tokens, int64_t now_us, int64_t *ret_at_us,
              enum why *ret_why);

/* It starts. *ret_mark is to be kept with it, and handed over when it ends. */
void learn_start(struct learn *l, int64_t tokens, int64_t now_us, struct call_mark *ret_mark);

enum learn_end {
    LEARN_SERVED,
    LEARN_REFUSED, /* it was one too many */
    LEARN_NOTHING  /* it says nothing about how much the route bears */
};
void learn_end(struct learn *l, enum learn_end end, const struct call_mark *mark, int64_t now_us);

/* The route is well again after it failed: its calls come back little by little. */
void learn_restore(struct learn *l, int64_t now_us);

/* What the headers of a good answer say is left, of requests and of tokens. */
struct allowance {
    bool known;
    int64_t left;
    int64_t limit; /* -1: not said */
    int64_t reset_ms;
    bool steady; /* it comes back all the time until reset_ms, not at once then */
};

void learn_headers(struct learn *l, const struct allowance said[LEARN_KINDS],
                   const struct call_mark *mark, int64_t now_us);

#endif
