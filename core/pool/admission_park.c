/*
 * admission_park: which of the waiting tasks leave for the delay topic. Now and then, all of them at once: a look
 * costs as much as there are tasks in the queues of the models that cool, and nothing while none does.
 */
#include "pool/admission_int.h"

#include "policy/park.h"

#define EVERY_US 100000

static uint64_t routes_cooling(const struct admission *a, int64_t now_us)
{
    uint64_t set = 0;
    size_t i = 0;

    for (i = 0; i < a->config->nmodels; i++) {
        if (a->routes[i].stopped || a->routes[i].breaker.open_until_us > now_us + PARK_COOLING_US)
            set |= (uint64_t)1 << i;
    }
    return set;
}

struct parking {
    struct admission *a;
    int64_t now_us;
    struct list_node *parked;
};

static void park_one(void *arg, struct task *t)
{
    struct parking *p = arg;

    if (!park_may(t, p->now_us, p->a->config->pool.park_for_ms) ||
        atomic_load_explicit(t->excess, memory_order_relaxed) <= 0)
        return;
    atomic_fetch_sub_explicit(t->excess, 1, memory_order_relaxed);
    admission_dequeue(p->a, t, TASK_INBOX);
    list_push(p->parked, &t->node);
}

void admission_park(struct admission *a, int64_t now_us, struct list_node *ret)
{
    uint64_t all = UINT64_MAX >> (CONFIG_MODELS_MAX - a->config->nmodels);
    struct parking p = {a, now_us, ret};
    uint64_t down = 0;

    list_init(ret);
    if (a->config->nmodels == 0 || now_us < __atomic_load_n(&a->park_us, __ATOMIC_RELAXED))
        return;
    pthread_mutex_lock(&a->lock);
    __atomic_store_n(&a->park_us, now_us + EVERY_US, __ATOMIC_RELAXED);
    down = a->waiting > 0 ? park_routes(routes_cooling(a, now_us), all) : 0;
    __atomic_store_n(&a->parks, down != 0, __ATOMIC_RELAXED);
    if (down)
        queues_walk(a->queues, down, &p, park_one);
    pthread_mutex_unlock(&a->lock);
}

int64_t admission_park_us(const struct admission *a)
{
    return __atomic_load_n(&a->parks, __ATOMIC_RELAXED)
               ? __atomic_load_n(&a->park_us, __ATOMIC_RELAXED)
               : INT64_MAX;
}
