/* spend: see spend.h. It counts nothing itself: policy/budget does. */
#include "cmd/batch/spend.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"

int spend_options(struct config *c, const struct batch_options *o, struct err *e)
{
    double usd = 0;

    if (o->max_cost && (config_num(o->max_cost, &usd) < 0 || usd <= 0))
        return err_set(e, EX_USAGE, "--max-cost: `%.60s` is no amount in USD above 0", o->max_cost);
    if (o->max_cost)
        c->budget.max_cost = usd;
    if (o->max_requests > 0)
        c->budget.max_requests = o->max_requests;
    return budget_check(c, e);
}

void spend_old(struct spend *s, const struct reply_view *v)
{
    struct json_object *attempts = json_get(json_get(v->root, "sluice"), "attempts");

    s->old_usd += v->cost_usd > 0 ? v->cost_usd : 0;
    if (json_object_is_type(attempts, json_type_array))
        s->old_calls += (int64_t)json_object_array_length(attempts);
}

int spend_open(struct spend *s, const struct config *c, const struct job *j, const char *output,
               struct err *e)
{
    char path[4096];

    if (!budget_wanted(c))
        return 0;
    snprintf(path, sizeof path, "%s.budget", output);
    if (budget_file_open(&s->file, path, j->id, e) < 0)
        return -1;
    /* Earlier runs had no budget, or their record is gone: what the replies say is what is known. */
    if (s->file.fresh)
        budget_add(s->file.book, s->old_usd, s->old_calls);
    return 0;
}

void spend_words(const struct budget_view *v, char *out, size_t cap)
{
    int n = 0;

    if (v->max_cost >= 0)
        n = snprintf(out, cap, "$%.4f of $%.4f spent, ", v->spent_usd, v->max_cost);
    else
        n = snprintf(out, cap, "$%.4f spent, ", v->spent_usd);
    if (n < 0 || (size_t)n >= cap)
        return;
    if (v->max_requests > 0)
        snprintf(out + n, cap - (size_t)n, "%" PRId64 " of %" PRId64 " calls", v->calls,
                 v->max_requests);
    else
        snprintf(out + n, cap - (size_t)n, "%" PRId64 " calls", v->calls);
}

void spend_report(const struct budget_view *v, FILE *to)
{
    char words[160];

    if (!v->on)
        return;
    spend_words(v, words, sizeof words);
    fprintf(to, "  budget         %s\n", words);
    if (v->overruns)
        fprintf(to,
                "  budget         %" PRIu64
                " calls cost more than their model_info allows for: check its prices and "
                "max_output_tokens\n",
                v->overruns);
}
