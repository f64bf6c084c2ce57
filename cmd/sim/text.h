/*
 * text: what the simulated model says. Deterministic from the seed and the request.
 */
#ifndef SLUICE_CMD_SIM_TEXT_H
#define SLUICE_CMD_SIM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "cmd/sim/ask.h"

enum sim_text_kind { SIM_TEXT_ECHO, SIM_TEXT_FIXED, SIM_TEXT_LOREM };

struct sim_voice {
    enum sim_text_kind kind;
    char *fixed;       /* of SIM_TEXT_FIXED; owned */
    size_t echo_max;   /* bytes */
    int64_t low, high; /* tokens of SIM_TEXT_LOREM */
};

/* answer: echo | text | lorem; tokens: "64" or "20..200". NULL gives the default of each. */
int sim_voice_init(struct sim_voice *v, const char *answer, const char *fixed, int64_t echo_max,
                   const char *tokens, struct err *e);
void sim_voice_done(struct sim_voice *v);

/*
 * The whole text of one answer: what the voice says (of choice number `index`), or an instance of
 * `schema` when structured output is asked for, cut to max_tokens of the request, or to its half when
 * `half` is set. Returns the number of tokens; *ret_cut says whether something is missing.
 */
int64_t sim_voice_compose(const struct sim_voice *v, const struct sim_ask *a, uint64_t seed,
                          int index, bool half, struct buf *out, bool *ret_cut);

/*
 * Writes a list "[...]" of the tokens of a text: `write` one, without its comma. The log probability
 * depends on the request and the place only.
 */
void sim_text_tokens(struct buf *b, const struct sim_ask *a, const struct buf *text,
                     void (*write)(struct buf *b, const char *token, size_t n, double logprob));

/* Shortens text to at most n bytes at a character boundary. */
size_t sim_text_cut(const char *text, size_t len, size_t n);

#endif
