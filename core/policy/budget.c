/* budget: keeps the accounts; see budget.h. It knows no task and no price: the worst case of a call is an argument. */
#include "policy/budget.h"

#include <math.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

#define NANO     1e9
#define NANO_MAX INT64_C(4000000000000000000)
#define DAY_MS   INT64_C(86400000)

/* An account with its bounds in this life. */
struct side {
    struct budget_account *a;
    int64_t max_nano;  /* negative: no bound */
    int64_t max_calls; /* 0: no bound */
    int64_t running;
};

struct budget {
    struct budget_book *book;
    struct budget_book *own; /* book, when it is ours to free */
    const struct config *config;
    bool by_day;
    uint64_t overruns;
    struct side side[1 + CONFIG_TENANTS_MAX]; /* 0: all; then as in config.tenants */
};

static int64_t nano_of(double usd)
{
    double n = ceil(usd * NANO - 1e-6); /* no billionth more for what the product was rounded by */

    return n >= (double)NANO_MAX ? NANO_MAX : n > 0 ? (int64_t)n : 0;
}

static void put(int64_t *at, int64_t v)
{
    __atomic_store_n(at, v, __ATOMIC_SEQ_CST); /* in this order, whenever the process dies */
}

static int64_t sum_of(int64_t a, int64_t b)
{
    return a > NANO_MAX - b ? NANO_MAX : a + b;
}

bool budget_wanted(const struct config *c)
{
    bool bounded = c->budget.max_cost >= 0 || c->budget.max_requests > 0;
    size_t i = 0;

    for (i = 0; i < c->ntenants; i++)
        bounded |= c->tenants[i].max_cost >= 0 || c->tenants[i].max_requests > 0;
    return c->budget.per && bounded;
}

static bool is_priced(const struct model *m)
{
    return m->prices.step[0].usd[TIER_STANDARD][PRICE_INPUT] >= 0;
}

int budget_check(const struct config *c, struct err *e)
{
    bool money = c->budget.max_cost >= 0;
    size_t i = 0;

    for (i = 0; i < c->ntenants; i++)
        money |= c->tenants[i].max_cost >= 0;
    if (!budget_wanted(c) || !money || strcmp(c->budget.unknown_price, "allow") == 0)
        return 0;
    for (i = 0; i < c->nmodels; i++) {
        if (is_priced(&c->models[i]))
            return 0;
    }
    return err_set(e, EX_CONFIG,
                   "max_cost cannot hold: no row of model_list has prices; set "
                   "input_cost_per_token and output_cost_per_token in model_info, or "
                   "budget.unknown_price: allow");
}

/* What was reserved when the last life ended may have been paid for. */
static void settle_old(struct budget_book *book)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(book->at); i++) {
        put(&book->at[i].spent, sum_of(book->at[i].spent, book->at[i].reserved));
        put(&book->at[i].reserved, 0);
    }
}

static bool known_tenant(const struct config *c, const char *name)
{
    size_t i = 0;

    for (i = 0; i < c->ntenants; i++) {
        if (strcmp(c->tenants[i].name, name) == 0)
            return true;
    }
    return false;
}

/* The account of that name: there already, or in a place that no tenant of today has. */
static struct budget_account *find(const struct config *c, struct budget_book *book,
                                   const char *name)
{
    struct budget_account *spare = NULL;
    size_t i = 0;

    for (i = 1; i < ARRAY_LEN(book->at); i++) {
        if (strcmp(book->at[i].name, name) == 0)
            return &book->at[i];
    }
    for (i = 1; i < ARRAY_LEN(book->at) && !spare; i++) {
        if (!known_tenant(c, book->at[i].name))
            spare = &book->at[i];
    }
    *spare = (struct budget_account){.spent = 0};
    memcpy(spare->name, name, strlen(name) + 1);
    return spare;
}

static int adopt(struct budget_book *book, struct err *e)
{
    size_t i = 0;
    bool good = memcmp(book->magic, BUDGET_MAGIC, sizeof book->magic) == 0;

    for (i = 0; i < ARRAY_LEN(book->at); i++) {
        const struct budget_account *a = &book->at[i];

        good = good && memchr(a->name, '\0', sizeof a->name) && a->spent >= 0 && a->reserved >= 0 &&
               a->calls >= 0 && a->spent <= NANO_MAX && a->reserved <= NANO_MAX;
    }
    if (!good)
        return err_set(e, EX_DATAERR, "the record of what was spent is damaged");
    settle_old(book);
    return 0;
}

/* A new period begins with nothing spent. Calls that still run stay reserved and count in the new one. */
static void turn_period(struct budget *b, int64_t now_wall_ms)
{
    int64_t today = b->by_day ? now_wall_ms / DAY_MS : BUDGET_RUN;
    bool fresh = b->by_day && b->book->period != BUDGET_RUN && today > b->book->period;
    size_t i = 0;

    for (i = 0; fresh && i < ARRAY_LEN(b->book->at); i++) {
        put(&b->book->at[i].spent, 0);
        put(&b->book->at[i].calls, 0);
    }
    if (fresh || !b->by_day || b->book->period == BUDGET_RUN)
        put(&b->book->period, today);
}

struct budget *budget_new(const struct config *c, struct budget_book *book, int64_t now_wall_ms,
                          struct err *e)
{
    struct budget *b = mem_alloc(sizeof *b);
    size_t i = 0;

    b->config = c;
    b->by_day = strcmp(c->budget.per, "day") == 0;
    if (!book) {
        book = b->own = mem_alloc(sizeof *book);
        memcpy(book->magic, BUDGET_MAGIC, sizeof book->magic);
        book->period = BUDGET_RUN;
    }
    if (adopt(book, e) < 0)
        return budget_free(b);
    b->book = book;
    b->side[0] =
        (struct side){.a = &book->at[0],
                      .max_nano = c->budget.max_cost < 0 ? -1 : nano_of(c->budget.max_cost),
                      .max_calls = c->budget.max_requests};
    for (i = 0; i < c->ntenants; i++) {
        const struct tenant *t = &c->tenants[i];

        b->side[1 + i] = (struct side){.a = find(c, book, t->name),
                                       .max_nano = t->max_cost < 0 ? -1 : nano_of(t->max_cost),
                                       .max_calls = t->max_requests};
    }
    turn_period(b, now_wall_ms);
    return b;
}

struct budget *budget_free(struct budget *b)
{
    if (!b)
        return NULL;
    free(b->own);
    free(b);
    return NULL;
}

int budget_account_of(const struct budget *b, const char *tenant)
{
    size_t i = 0;

    for (i = 0; tenant && i < b->config->ntenants; i++) {
        if (strcmp(b->config->tenants[i].name, tenant) == 0)
            return (int)i + 1;
    }
    return 0;
}

bool budget_counts_money(const struct budget *b, int account)
{
    return b->side[0].max_nano >= 0 || b->side[account].max_nano >= 0;
}

static bool can_hold(const struct side *s, int64_t nano, double *ret_max)
{
    *ret_max = (double)s->max_nano / NANO;
    return s->max_nano < 0 || nano <= s->max_nano;
}

bool budget_can_hold(const struct budget *b, int account, double usd, double *ret_max)
{
    return can_hold(&b->side[0], nano_of(usd), ret_max) &&
           can_hold(&b->side[account], nano_of(usd), ret_max);
}

/* The account beside that of all, or NULL. */
static struct side *own_side(struct budget *b, int account)
{
    return account > 0 && account <= CONFIG_TENANTS_MAX ? &b->side[account] : NULL;
}

static int look_at(const struct side *s, int64_t nano)
{
    const struct budget_account *a = s->a;
    bool fits = (s->max_nano < 0 || sum_of(sum_of(a->spent, a->reserved), nano) <= s->max_nano) &&
                (s->max_calls <= 0 || a->calls < s->max_calls);

    if (fits)
        return BUDGET_GO;
    return s->running > 0 ? BUDGET_WAIT : BUDGET_OUT;
}

static void take(struct side *s, int64_t nano)
{
    put(&s->a->reserved, s->a->reserved + nano);
    put(&s->a->calls, s->a->calls + 1);
    s->running++;
}

int budget_reserve(struct budget *b, int account, double usd, int64_t now_wall_ms, bool *ret_own,
                   int64_t *ret_again_ms)
{
    struct side *tenant = own_side(b, account);
    int64_t nano = nano_of(usd);
    int all = 0;
    int own = 0;

    turn_period(b, now_wall_ms);
    all = look_at(&b->side[0], nano);
    own = tenant ? look_at(tenant, nano) : BUDGET_GO;
    if (all == BUDGET_GO && own == BUDGET_GO) {
        take(&b->side[0], nano);
        if (tenant)
            take(tenant, nano);
        return BUDGET_GO;
    }
    *ret_own = own != BUDGET_GO;
    *ret_again_ms = b->by_day ? (b->book->period + 1) * DAY_MS : INT64_MAX;
    return own != BUDGET_GO ? own : all;
}

/* First what was spent, then what need not be reserved any more: whoever dies in between counts too much. */
static void give(struct side *s, int64_t nano, int64_t cost)
{
    put(&s->a->spent, sum_of(s->a->spent, cost));
    put(&s->a->reserved, s->a->reserved > nano ? s->a->reserved - nano : 0);
    s->running--;
}

void budget_settle(struct budget *b, int account, double usd, double cost_usd)
{
    struct side *tenant = own_side(b, account);
    int64_t nano = nano_of(usd);
    int64_t cost = cost_usd < 0 ? nano : nano_of(cost_usd);

    b->overruns += cost > nano && budget_counts_money(b, account);
    give(&b->side[0], nano, cost);
    if (tenant)
        give(tenant, nano, cost);
}

static void take_back(struct side *s, int64_t nano)
{
    give(s, nano, 0);
    put(&s->a->calls, s->a->calls > 0 ? s->a->calls - 1 : 0);
}

void budget_refund(struct budget *b, int account, double usd)
{
    struct side *tenant = own_side(b, account);
    int64_t nano = nano_of(usd);

    take_back(&b->side[0], nano);
    if (tenant)
        take_back(tenant, nano);
}

void budget_add(struct budget_book *book, double usd, int64_t calls)
{
    put(&book->at[0].spent, sum_of(book->at[0].spent, nano_of(usd)));
    put(&book->at[0].calls, book->at[0].calls + calls);
}

void budget_look(const struct budget *b, struct budget_view *ret)
{
    const struct side *s = &b->side[0];

    *ret = (struct budget_view){.on = true,
                                .spent_usd = (double)s->a->spent / NANO,
                                .reserved_usd = (double)s->a->reserved / NANO,
                                .max_cost = s->max_nano < 0 ? -1 : (double)s->max_nano / NANO,
                                .calls = s->a->calls,
                                .max_requests = s->max_calls,
                                .overruns = b->overruns};
}
