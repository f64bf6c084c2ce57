/*
 * estimate: a mean of the ratio and of its deviation, as TCP estimates a round trip. It must not look at limits: what
 * follows from an estimate is theirs.
 */
#include "policy/estimate.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

#define BYTES_PER_TOKEN       4
#define ANSWER_TOKENS_DEFAULT 512
#define ANSWERS_MAX           1024

#define TRUSTED 8     /* calls before an estimate is lowered */
#define GAIN    0.125 /* weight of the newest call */
#define MARGIN  3     /* deviations above the mean */
#define STEP                                                                                       \
    4 /* one call counts as no more than so many times the mean, and no less than such a part */
#define LEAST 0.01
#define MOST  16

void estimate_init(struct estimate *e, const struct model *m)
{
    const char *p = m->provider_name;

    *e = (struct estimate){.counts_longest =
                               p && (strcmp(p, "openai") == 0 || strcmp(p, "azure") == 0)};
}

static int64_t longest_answer(const struct config *c, const struct task *t)
{
    static const char *const keys[] = {"max_completion_tokens", "max_tokens", "max_output_tokens"};
    const struct model *m = t->nmodels > 0 ? config_model(c, t->models[0], 0) : NULL;
    int64_t most = m && m->max_output_tokens > 0 ? m->max_output_tokens : INT32_MAX;
    int64_t tokens = -1;
    size_t i = 0;

    for (i = 0; i < sizeof keys / sizeof keys[0] && tokens < 0; i++)
        tokens = json_get_int(t->body, keys[i], -1);
    if (tokens < 0)
        tokens = ANSWER_TOKENS_DEFAULT;
    return tokens < most ? tokens : most;
}

struct limit_need estimate_task(const struct config *c, const struct task *t)
{
    int64_t input = (int64_t)(t->raw_len + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
    int64_t output = 0;
    int64_t n = 1;

    if (t->op != OP_EMBEDDINGS) {
        n = json_get_int(t->body, "n", 1);
        if (n < 1 || n > ANSWERS_MAX)
            n = 1;
        output = longest_answer(c, t) * n;
    }
    return (struct limit_need){.tokens = input + output, .output = output};
}

/* Never more than all of it: a call that stood in front with its estimate could not go with a larger one. */
static double factor(const struct estimate_ratio *r)
{
    double f = r->mean + MARGIN * r->deviation;

    if (r->seen < TRUSTED || f > 1)
        return 1;
    return f > LEAST ? f : LEAST;
}

static int64_t scaled(const struct estimate_ratio *r, int64_t tokens)
{
    return (int64_t)ceil((double)tokens * factor(r));
}

struct limit_need estimate_learned(const struct estimate *e, struct limit_need estimated)
{
    int64_t output = e->counts_longest ? estimated.output : scaled(&e->output, estimated.output);
    int64_t input = scaled(&e->input, estimated.tokens - estimated.output);

    return (struct limit_need){.tokens = input + output, .output = output};
}

static void learn(struct estimate_ratio *r, int64_t estimated, int64_t used)
{
    double mean = r->seen > 0 ? r->mean : 1;
    double x = 0;

    if (estimated <= 0 || used < 0)
        return;
    x = (double)used / (double)estimated;
    x = fmin(fmax(x, fmax(mean / STEP, LEAST)), fmin(mean * STEP, MOST));
    r->deviation += GAIN * (fabs(x - mean) - r->deviation);
    r->mean = mean + GAIN * (x - mean);
    r->seen += r->seen < TRUSTED;
}

void estimate_learn(struct estimate *e, struct limit_need estimated, struct limit_need used)
{
    learn(&e->input, estimated.tokens - estimated.output, used.tokens - used.output);
    learn(&e->output, estimated.output, used.output);
}
