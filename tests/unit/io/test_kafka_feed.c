/* feed: which topics' records go into the pool when it has little room; records and pool are made here. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "io/kafka/delay.h"
#include "io/kafka/intake.h"

#define LEVELS 3

static struct config config;
static struct kafka_intake in;
static struct kafka_part *parts[LEVELS];
static int64_t room;         /* in the pool */
static int64_t came[LEVELS]; /* records that it got, of each level */
static struct list_node got; /* these, in order */

static int64_t pool_room(const void *arg)
{
    (void)arg;
    return room;
}

static void pool_submit(void *arg, struct list_node *tasks)
{
    (void)arg;
    for (struct list_node *n = tasks->next; n != tasks; n = n->next) {
        const struct kafka_part *p = CONTAINER_OF(n, struct task, node)->source_data;

        came[p->above]++;
        room--;
    }
    list_splice(&got, tasks);
}

static void stock(int level, int n)
{
    struct kafka_part *p = parts[level];

    for (; n > 0; n--) {
        struct task *t = task_new();

        t->source_data = part_ref(p);
        t->wanted = &p->owned;
        t->origin = (struct task_origin){p->topic, p->partition, ++p->next};
        part_hold(p, t);
        pause_stock_of(&in, p)->tasks++;
    }
}

/* Of this many bytes each. */
static void stock_large(int level, int n, int64_t bytes)
{
    stock(level, n);
    pause_stock_of(&in, parts[level])->bytes += n * bytes;
}

/* The pool ends the oldest n. */
static void finish(int64_t n)
{
    struct list_node *first;

    for (; n > 0 && (first = list_pop(&got)); n--) {
        struct task *t = CONTAINER_OF(first, struct task, node);
        struct kafka_part *p = t->source_data;

        ledger_done(p->ledger, t->origin.offset);
        part_task_free(t);
        room++;
    }
}

static void open_feed(int64_t max_in_flight)
{
    static char *topics[LEVELS] = {(char *)"high", (char *)"mid", (char *)"low"};
    static struct property priorities[] = {{.name = (char *)"high", .value = (char *)"9"},
                                           {.name = (char *)"mid", .value = (char *)"5"}};

    config.pool.max_in_flight = room = max_in_flight;
    config.pool.max_per_partition = 100000;
    config.topics.requests.at = topics;
    config.topics.requests.count = LEVELS;
    config.topics.priority.at = priorities;
    config.topics.priority.count = ARRAY_LEN(priorities);
    config.topics.delay = (char *)"";
    in.setup.config = &config;
    in.pool = (struct intake){.room = pool_room, .submit = pool_submit};
    in.parts = parts;
    in.nparts = LEVELS;
    list_init(&in.got);
    list_init(&got);
    for (int i = 0; i < LEVELS; i++) {
        parts[i] = part_new(topics[i], 0);
        parts[i]->above = i;
        parts[i]->stock = i;
    }
}

static void close_feed(void)
{
    struct task *t;

    finish(INT64_MAX);
    for (int i = 0; i < LEVELS; i++) {
        while ((t = part_unhold(parts[i])))
            part_task_free(t);
        part_unref(parts[i]);
    }
}

TestSuite(kafka_feed, .fini = close_feed);

/* A higher topic with more than the pool can take, all the time. */
static void run_with_backlog(int rounds)
{
    for (; rounds > 0; rounds--) {
        finish(4);
        stock(0, 100 - (int)parts[0]->nheld);
        feed_pool(&in);
    }
}

static void expect_a_sixteenth(int level, int64_t all)
{
    cr_expect(came[level] >= all / 20 && came[level] <= all / 12, "level %d: %lld of %lld", level,
              (long long)came[level], (long long)all);
}

Test(kafka_feed, one_of_sixteen_is_of_a_lower_topic)
{
    open_feed(64);
    stock(2, 500);
    run_with_backlog(1000);
    expect_a_sixteenth(2, came[0] + came[2]);
}

Test(kafka_feed, each_lower_topic_has_its_turn)
{
    open_feed(64);
    stock(1, 500);
    stock(2, 500);
    run_with_backlog(1000);
    cr_expect_geq(came[1], 200);
    cr_expect_geq(came[2], 200);
    cr_expect_geq(came[0], 3200);
}

Test(kafka_feed, in_a_tiny_pool_as_well)
{
    static const int64_t sizes[] = {1, 2, 3, 8};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (int k = 0; k < LEVELS; k++)
            came[k] = in.stock[k].tasks = 0;
        open_feed(sizes[i]);
        stock(1, 100);
        stock(2, 100);
        run_with_backlog(400);
        cr_expect_geq(came[1], 20, "%lld: %lld", (long long)sizes[i], (long long)came[1]);
        cr_expect_geq(came[2], 20, "%lld: %lld", (long long)sizes[i], (long long)came[2]);
        cr_expect_gt(came[0], 7 * (came[1] + came[2]), "%lld", (long long)sizes[i]);
        if (i + 1 < ARRAY_LEN(sizes))
            close_feed();
    }
}

/* Those of a lower topic that stay where they are do not take the room that is kept for the higher one. */
Test(kafka_feed, the_room_that_is_kept_stays_free)
{
    open_feed(64);
    config.topics.requests.count = 2;
    stock(1, 500);
    for (int i = 0; i < 1000; i++) {
        struct list_node *n, *next;

        for (n = got.next; n != &got; n = next) { /* the higher ones are served at once */
            struct task *t = CONTAINER_OF(n, struct task, node);

            next = n->next;
            if (t->source_data != parts[0])
                continue;
            list_remove(n);
            list_push_front(&got, n);
            finish(1);
        }
        stock(0, 4 - (int)parts[0]->nheld);
        feed_pool(&in);
    }
    cr_expect(came[1] >= 50 && came[1] <= 56, "%lld", (long long)came[1]);
    cr_expect_eq(came[0], 4000);
}

/* Large records of one level are its own affair. */
Test(kafka_feed, a_backlog_pauses_its_own_level)
{
    open_feed(64);
    stock_large(2, 100, 1 << 20);
    cr_expect(pause_is_due(&in));
    pause_adjust(&in);
    cr_expect_eq(parts[2]->paused, PAUSE_POOL);
    cr_expect_eq(parts[1]->paused, 0);
    cr_expect_eq(parts[0]->paused, 0);
    cr_expect_not(pause_is_due(&in));
}

/* And copies on the delay topic, which may not be due for long. */
Test(kafka_feed, parked_copies_pause_the_delay_topic)
{
    open_feed(64);
    config.topics.delay = parts[2]->topic;
    delay_mark(&in, parts[2]);
    cr_assert(parts[2]->delay);
    stock_large(2, 5, 8 << 20);
    pause_adjust(&in);
    cr_expect_eq(parts[2]->paused, PAUSE_POOL);
    cr_expect_eq(parts[1]->paused, 0);
}
