/* held: see held.h. It decides nothing, and what it says is asked for by no decision. */
#include "pool/held.h"

void held_init(struct held *h, const struct route *routes, size_t nroutes)
{
    *h = (struct held){.routes = routes, .nroutes = nroutes};
}

void held_begin(struct held *h)
{
    h->rows = 0;
    h->all = WHY_IDLE;
}

void held_by(struct held *h, uint64_t rows, enum why w)
{
    for (size_t i = 0; i < h->nroutes; i++)
        if (rows >> i & 1)
            h->why[i] = w;
    h->rows |= rows;
}

void held_said(struct held *h, uint64_t rows)
{
    for (size_t i = 0; i < h->nroutes; i++)
        if ((rows >> i & 1) && why_holds(h->routes[i].said))
            held_by(h, (uint64_t)1 << i, h->routes[i].said);
}

void held_aside(struct held *h, uint64_t rows)
{
    for (size_t i = 0; i < h->nroutes; i++)
        if ((rows >> i & 1) && h->routes[i].said == WHY_LARGE)
            h->aside |= (uint64_t)1 << i;
}

void held_back(struct held *h)
{
    h->aside = 0;
}

void held_end(struct held *h, uint64_t claimed, int64_t now_us)
{
    if (h->all != WHY_IDLE)
        held_by(h, claimed & ~h->rows, h->all);
    held_now(h, true, now_us);
}

static enum why why_of(const struct held *h, size_t row)
{
    if (h->rows >> row & 1)
        return h->why[row];
    if (h->aside >> row & 1)
        return WHY_LARGE;
    if (h->behind != WHY_IDLE)
        return h->behind;
    return h->routes[row].running > 0 ? WHY_ANSWERS : WHY_IDLE;
}

void held_now(struct held *h, bool waiting, int64_t now_us)
{
    if (!waiting)
        h->rows = h->aside = 0;
    for (size_t i = 0; i < h->nroutes; i++)
        explain_set(&h->row[i], why_of(h, i), now_us);
}

void held_load(struct held *h, const struct explain_load *l, int64_t now_us)
{
    enum why stage = explain_stage(l);

    h->behind = explain_behind(l, stage);
    explain_set(&h->pool, stage, now_us);
    held_now(h, l->waiting > 0, now_us);
}
