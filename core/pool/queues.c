/* queues: whose turn it is among the tasks that wait; see queues.h. Where each of them stands is seats.c. */
#include "pool/queues_int.h"

#include "policy/budget.h"

void queues_push(struct queues *q, struct task *t)
{
    struct seat *s = seat_take(q, t);

    list_push(&s->at[t->priority], &t->node);
    t->wait_queue = (int)(s - q->seats);
    s->tasks++;
    s->lane->tasks++;
}

void queues_remove(struct queues *q, struct task *t)
{
    struct seat *s = &q->seats[t->wait_queue];

    list_remove(&t->node);
    s->lane->tasks--;
    if (--s->tasks == 0)
        seat_close(q, s);
}

/* Whom its tenant would have go next. */
static struct task *first_of(const struct seat *s)
{
    struct task *top = NULL;
    struct task *late = NULL;
    int i = 0;

    for (i = TASK_PRIORITIES - 1; i >= 0; i--) {
        struct task *t = CONTAINER_OF(s->at[i].next, struct task, node);

        if (list_empty(&s->at[i]))
            continue;
        if (!top)
            top = t;
        else if (!late || t->received_us <= late->received_us)
            late = t;
        if (s->passed < LATE_AFTER)
            return top;
    }
    return late ? late : top;
}

/* The seat with the lowest point, or NULL. Points only rise, so that one which has risen is found on top. */
static struct seat *next_seat(struct lane *l)
{
    struct heap_node *n = NULL;

    while ((n = heap_top(&l->seats))) {
        struct seat *s = CONTAINER_OF(n, struct seat, turn);
        int64_t key = seat_key(s);

        if (key <= n->key)
            return s;
        heap_remove(&l->seats, n);
        heap_push(&l->seats, n, key);
    }
    return NULL;
}

/* Is it a's turn before b's, which is not behind it in the list? The lanes of one model go by their lowest points,
 * so that a tenant in two of them has one share; those of different models take turns. */
static bool goes_before(struct lane *a, struct lane *b)
{
    return !b || (a->level == b->level && a->model == b->model &&
                  next_seat(a)->party->turn.at < next_seat(b)->party->turn.at);
}

static struct lane *next_lane(const struct queues *q, uint64_t blocked)
{
    struct lane *first = NULL;
    struct list_node *n = NULL;
    int level = 0;

    for (level = TASK_PRIORITIES - 1; level >= 0; level--) {
        for (n = q->lanes[level].next; n != &q->lanes[level]; n = n->next) {
            struct lane *l = CONTAINER_OF(n, struct lane, node);

            if (l->put_off == q->look || !(l->routes & ~blocked) || l->seats.count == 0)
                continue;
            if (l->passed >= LATE_AFTER)
                return l;
            if (goes_before(l, first))
                first = l;
        }
    }
    return first;
}

void queues_look(struct queues *q)
{
    struct list_node *n = NULL;

    q->look++;
    while ((n = list_pop(&q->left_out))) {
        struct seat *s = CONTAINER_OF(n, struct seat, left_out);

        s->is_left_out = false;
        heap_push(&s->lane->seats, &s->turn, seat_key(s));
    }
}

struct task *queues_next(struct queues *q, uint64_t blocked)
{
    struct lane *l = next_lane(q, blocked);

    return l ? first_of(next_seat(l)) : NULL;
}

void queues_put_off(struct queues *q, struct task *t)
{
    q->seats[t->wait_queue].lane->put_off = q->look;
}

void queues_leave_out(struct queues *q, struct task *t)
{
    struct seat *s = &q->seats[t->wait_queue];

    if (s->is_left_out)
        return;
    s->is_left_out = true;
    heap_remove(&s->lane->seats, &s->turn);
    list_push(&q->left_out, &s->left_out);
}

void queues_passed(struct queues *q, const struct task *t)
{
    struct list_node *n = NULL;
    int level = 0;

    for (level = 0; level < t->topic_priority; level++) {
        for (n = q->lanes[level].next; n != &q->lanes[level]; n = n->next) {
            struct lane *l = CONTAINER_OF(n, struct lane, node);

            l->passed += l->routes >> t->route & 1;
        }
    }
}

/* The same within one seat. */
static void count_passed_seat(struct seat *s, int priority)
{
    bool lower = false;
    bool higher = false;
    int i = 0;

    for (i = 0; i < TASK_PRIORITIES; i++) {
        lower |= i < priority && !list_empty(&s->at[i]);
        higher |= i > priority && !list_empty(&s->at[i]);
    }
    s->passed = lower && !higher ? s->passed + 1 : 0;
}

void queues_had_turn(struct queues *q, struct task *t)
{
    struct seat *s = &q->seats[t->wait_queue];
    struct lane *l = s->lane;
    struct turns *turns = &q->turns[l->model][l->level];

    queues_passed(q, t);
    count_passed_seat(s, t->priority);
    l->passed = 0;
    list_remove(&l->node);
    list_push(&q->lanes[l->level], &l->node);
    turns_take(turns, &s->party->turn, t->reserved_tokens > 0 ? (double)t->reserved_tokens : 1);
    turns_pass(turns, next_seat(l)->party->turn.at);
}

uint64_t queues_claims(const struct queues *q, int topic_priority)
{
    uint64_t set = 0;
    struct list_node *n = NULL;
    int level = 0;

    for (level = 0; level < TASK_PRIORITIES; level++) {
        for (n = q->lanes[level].next; n != &q->lanes[level]; n = n->next) {
            const struct lane *l = CONTAINER_OF(n, struct lane, node);

            if (l->seats.count > 0 && (level >= topic_priority || l->passed >= LATE_AFTER))
                set |= l->routes;
        }
    }
    return set;
}

bool queues_is_behind(const struct queues *q, const struct task *t)
{
    const struct seat *s = seat_find(q, t);

    return s && s->is_left_out;
}

bool queues_is_first(struct queues *q, const struct task *t)
{
    const struct seat *s = &q->seats[t->wait_queue];

    return next_seat(s->lane) == s && first_of(s) == t;
}

bool queues_is_front(const struct queues *q, const struct task *t)
{
    return q->seats[t->wait_queue].at[t->priority].next == &t->node;
}

bool queues_leads_left_out(const struct queues *q, const struct task *t)
{
    const struct seat *s = &q->seats[t->wait_queue];

    return s->is_left_out && first_of(s) == t;
}

static void walk_list(struct list_node *list, uint64_t routes, void *arg,
                      void (*fn)(void *arg, struct task *t))
{
    struct list_node *n = NULL;
    struct list_node *next = NULL;

    for (n = list->next; n != list; n = next) {
        struct task *t = CONTAINER_OF(n, struct task, node);

        next = n->next;
        if (!(t->usable_routes & ~routes))
            fn(arg, t);
    }
}

void queues_walk(struct queues *q, uint64_t routes, void *arg,
                 void (*fn)(void *arg, struct task *t))
{
    size_t k = 0;
    int i = 0;

    for (k = 0; k < q->nseats; k++) {
        struct seat *s = &q->seats[k];

        for (i = 0; s->tasks > 0 && i < TASK_PRIORITIES; i++)
            walk_list(&s->at[i], routes, arg, fn);
    }
}

int64_t queues_stranded(const struct queues *q, uint64_t off)
{
    int64_t n_tasks = 0;
    struct list_node *n = NULL;
    int level = 0;

    for (level = 0; level < TASK_PRIORITIES; level++) {
        for (n = q->lanes[level].next; n != &q->lanes[level]; n = n->next) {
            const struct lane *l = CONTAINER_OF(n, struct lane, node);

            n_tasks += l->routes & ~off ? 0 : (int64_t)l->tasks;
        }
    }
    return n_tasks;
}

int64_t queues_without_money(const struct queues *q)
{
    int64_t n_tasks = 0;
    struct list_node *n = NULL;

    for (n = q->left_out.next; n != &q->left_out; n = n->next) {
        const struct seat *s = CONTAINER_OF(n, struct seat, left_out);

        n_tasks += first_of(s)->money == BUDGET_OUT ? (int64_t)s->tasks : 0;
    }
    return n_tasks;
}
