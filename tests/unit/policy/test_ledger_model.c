/*
 * Model of a worker that may die at any moment: ledger and map together, against a simple model of what
 * was answered and what was committed. Records are completed in random order, progress is committed at
 * random moments as (base, text), and a crash drops everything but the last commit. Whatever happens:
 * no record is skipped that was not answered in a commit, none that was is delivered again, and the
 * end is reached.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "policy/map.h"

#define RECORDS_MAX 400

static const struct map_scope scope = {"group", "topic", 0};

struct model {
    uint64_t seed;
    struct rng rng;
    int64_t offset[RECORDS_MAX]; /* ascending, with gaps */
    int n;
    int answered[RECORDS_MAX];   /* how often */
    bool finished[RECORDS_MAX];  /* in this life */
    bool batched[RECORDS_MAX];   /* in the batch that is being committed */
    bool committed[RECORDS_MAX]; /* covered by the last commit */
    int64_t base;                /* last commit */
    char *text;
    size_t text_len;
    bool damaged; /* the text was changed on its way: replays are fine, losses are not */
    struct ledger *ledger;
    int next; /* next record to read */
    size_t max_open;
    size_t max_chars;
};

static int index_of(const struct model *m, int64_t offset)
{
    int low = 0;
    int high = m->n;

    while (low < high) {
        int mid = (low + high) / 2;

        if (m->offset[mid] < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool chance(struct model *m, uint64_t percent)
{
    return rng_below(&m->rng, 100) < percent;
}

static void model_init(struct model *m, uint64_t seed)
{
    int64_t at = 0;
    int i = 0;
    uint64_t gaps = 0;

    memset(m, 0, sizeof *m);
    m->seed = seed;
    m->rng.state = seed;
    m->n = 1 + (int)rng_below(&m->rng, seed % 10 ? 60 : RECORDS_MAX);
    m->base = (int64_t)rng_below(&m->rng, 1000);
    m->max_open = 1 + (size_t)rng_below(&m->rng, 60);
    m->max_chars = chance(m, 80) ? 4096 : 12 + (size_t)rng_below(&m->rng, 40);
    gaps = chance(m, 50) ? 40 : 0;
    at = m->base;
    for (i = 0; i < m->n; i++) {
        if (chance(m, gaps))
            at += 1 + (int64_t)rng_below(&m->rng, 30);
        m->offset[i] = at++;
    }
}

/* A new life: the ledger is made from the last commit, and reading starts at its base. */
static void start(struct model *m)
{
    int r = MAP_NONE;

    m->ledger = ledger_new(m->base, m->max_open, 1000000);
    if (m->text_len > 0) {
        r = map_decode(&scope, m->text, m->text_len, m->ledger);
        cr_assert(m->damaged || r == MAP_GOOD, "seed %llu: a good map was refused",
                  (unsigned long long)m->seed);
    }
    m->next = index_of(m, m->base);
    memset(m->finished, 0, sizeof m->finished);
    memset(m->batched, 0, sizeof m->batched);
}

static void crash(struct model *m)
{
    m->ledger = ledger_free(m->ledger);
    if (m->text_len > 0 && chance(m, 15)) {
        m->text[rng_below(&m->rng, m->text_len)] ^= (char)(1 + rng_below(&m->rng, 127));
        m->damaged = true;
    }
    start(m);
}

static void read_one(struct model *m)
{
    int i = m->next;

    if (i == m->n)
        return;
    switch (ledger_begin(m->ledger, m->offset[i])) {
    case LEDGER_FULL:
        cr_assert_gt(ledger_open(m->ledger), 0, "seed %llu: full of nothing",
                     (unsigned long long)m->seed);
        return;
    case LEDGER_SEEN:
        cr_assert(m->committed[i], "seed %llu: offset %lld is skipped and was never committed",
                  (unsigned long long)m->seed, (long long)m->offset[i]);
        break;
    default:
        cr_assert(!m->committed[i] || m->damaged,
                  "seed %llu: offset %lld is delivered again after its commit",
                  (unsigned long long)m->seed, (long long)m->offset[i]);
        break;
    }
    m->next++;
}

/* Answers one of the open records. */
static void answer_one(struct model *m)
{
    int from = (int)rng_below(&m->rng, (uint64_t)m->n);
    int k = 0;

    for (k = 0; k < m->n; k++) {
        int i = (from + k) % m->n;
        int64_t o = m->offset[i];
        bool open = i < m->next && !m->finished[i] && !(m->committed[i] && !m->damaged) &&
                    o >= ledger_base(m->ledger);

        if (open) {
            m->finished[i] = true;
            m->answered[i]++;
            return;
        }
    }
}

static bool in_batch(void *arg, int64_t offset)
{
    const struct model *m = arg;

    return m->batched[index_of(m, offset)];
}

/* Takes some finished records into a batch that is not committed before. */
static void fill_batch(struct model *m, uint64_t percent)
{
    int i = 0;

    for (i = 0; i < m->next; i++)
        m->batched[i] = m->finished[i] && chance(m, percent);
}

/* The broker has the commit: what it covers is the truth from now on. */
static void store(struct model *m, int64_t base, const struct buf *text)
{
    int i = 0;

    cr_assert_leq(text->len, m->max_chars);
    free(m->text);
    m->text = mem_dup(text->data ? text->data : "", text->len);
    m->text_len = text->len;
    m->base = base;
    for (i = 0; i < m->n; i++) {
        if (m->batched[i])
            m->committed[i] = true;
        if (m->offset[i] < base)
            cr_assert(m->committed[i], "seed %llu: base %lld is past offset %lld, which is open",
                      (unsigned long long)m->seed, (long long)base, (long long)m->offset[i]);
    }
}

/* A crash on the way loses the batch, or only the news that it was committed. */
static void commit(struct model *m)
{
    struct buf text = BUF_INIT(1 << 16);
    int64_t base = 0;
    int r = MAP_TOO_LARGE;
    uint64_t percent = 100;
    bool gone = false;
    int i = 0;

    for (; r == MAP_TOO_LARGE; percent /= 2) {
        fill_batch(m, percent);
        r = map_encode(&scope, m->ledger, in_batch, m, m->max_chars, &text, &base);
        if (percent == 0)
            break;
    }
    if (r == MAP_GOOD && !chance(m, 5)) {
        store(m, base, &text);
        gone = chance(m, 5);
        for (i = 0; i < m->n && !gone; i++) {
            if (m->batched[i])
                ledger_done(m->ledger, m->offset[i]);
        }
    } else if (r == MAP_GOOD) {
        gone = true;
    }
    memset(m->batched, 0, sizeof m->batched);
    buf_done(&text);
    if (gone)
        crash(m);
    else
        cr_assert(r != MAP_GOOD || m->base == ledger_base(m->ledger));
}

static bool finished(const struct model *m)
{
    return m->base > m->offset[m->n - 1];
}

/* A small bound may make a map that never fits; then only the record at the base can help. */
static void answer_base(struct model *m)
{
    int i = index_of(m, ledger_base(m->ledger));

    if (i < m->next && !m->finished[i]) {
        m->finished[i] = true;
        m->answered[i]++;
    }
}

static void run(uint64_t seed)
{
    struct model m;
    int steps = 0;
    int i = 0;

    model_init(&m, seed);
    start(&m);
    while (!finished(&m)) {
        uint64_t what = rng_below(&m.rng, 100);

        cr_assert_lt(++steps, 200000, "seed %llu: no end", (unsigned long long)seed);
        if (what < 45)
            read_one(&m);
        else if (what < 85)
            answer_one(&m);
        else if (what < 88)
            answer_base(&m);
        else if (what < 99)
            commit(&m);
        else
            crash(&m);
    }
    for (i = 0; i < m.n; i++)
        cr_assert_geq(m.answered[i], 1, "seed %llu: offset %lld was never answered",
                      (unsigned long long)seed, (long long)m.offset[i]);
    ledger_free(m.ledger);
    free(m.text);
}

Test(ledger_model, survives_crashes_at_any_moment)
{
    uint64_t seed = 0;

    for (seed = 1; seed <= 4000; seed++)
        run(seed);
}
