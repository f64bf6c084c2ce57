/* park: how many tasks leave the window, which ones, and when their copies are due. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "policy/park.h"

#define S 1000000LL

static const struct {
    const char *name;
    struct park_window w;
    int64_t excess;
} windows[] = {
#define ROW(text, is, ...)                                                                         \
    {                                                                                              \
        text, {.open_max = 1000, .span_max = 100000, .map_max = 3072, __VA_ARGS__}, is             \
    }
    ROW("empty", 0, .open = 0),
    ROW("half full", 0, .open = 500, .span = 500),
    ROW("one more", 1, .open = 501, .span = 501),
    ROW("full", 500, .open = 1000, .span = 1000),
    ROW("full, and they leave already", 0, .open = 1000, .leaving = 500, .span = 1000),
    ROW("more leave than are open", 0, .open = 3, .leaving = 5),
    ROW("few, half the span", 0, .open = 10, .span = 50000),
    ROW("few, over more than half the span", 10, .open = 10, .span = 50001),
    ROW("few, half the map", 0, .open = 10, .span = 50, .map = 1536),
    ROW("few, more than half the map", 10, .open = 10, .span = 50, .map = 1537),
    ROW("stretched, and some leave", 6, .open = 10, .leaving = 4, .span = 90000),
#undef ROW
};

Test(park, excess)
{
    struct park_window no_map = {.open = 10, .open_max = 1000, .span = 50, .span_max = 100000};

    cr_expect_eq(park_excess(&no_map), 0, "a broker that takes no map");
    for (size_t i = 0; i < ARRAY_LEN(windows); i++)
        cr_expect_eq(park_excess(&windows[i].w), windows[i].excess, "%s: %lld", windows[i].name,
                     (long long)park_excess(&windows[i].w));
}

Test(park, only_when_another_route_gains)
{
    cr_expect_eq(park_routes(0, 7), 0);
    cr_expect_eq(park_routes(1, 7), 1);
    cr_expect_eq(park_routes(6, 7), 6);
    cr_expect_eq(park_routes(7, 7), 0, "all are away: the topic holds the rest");
    cr_expect_eq(park_routes(1, 1), 0, "there is no other");
    cr_expect_eq(park_routes(UINT64_MAX >> 1, UINT64_MAX), UINT64_MAX >> 1);
}

static const struct {
    const char *name;
    struct task t;
    struct attempt a;
    bool may;
} tasks[] = {
    {"waits", {.deadline_us = INT64_MAX}, {.status = 0}, true},
    {"was refused for the rate", {.deadline_us = INT64_MAX, .ntrail = 1}, {.status = 429}, true},
    {"may have been paid", {.deadline_us = INT64_MAX, .ntrail = 1}, {.maybe_paid = true}, false},
    {"was paid for nothing", {.deadline_us = INT64_MAX, .ntrail = 1}, {.status = 200}, false},
    {"lost money", {.deadline_us = INT64_MAX, .lost_usd = 0.01}, {.status = 0}, false},
    {"was refused by a route", {.deadline_us = INT64_MAX, .refused_routes = 2}, {0}, false},
    {"has time for one round", {.deadline_us = 160 * S + 1}, {.status = 0}, true},
    {"has not", {.deadline_us = 160 * S}, {.status = 0}, false},
};

Test(park, which_tasks)
{
    atomic_llong excess = 1;

    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        struct task t = tasks[i].t;
        struct attempt a = tasks[i].a;

        t.trail = &a;
        t.excess = &excess;
        cr_expect_eq(park_may(&t, 100 * S, 30000), tasks[i].may, "%s", tasks[i].name);
        t.excess = NULL;
        cr_expect_not(park_may(&t, 100 * S, 30000), "%s, of a source that cannot park",
                      tasks[i].name);
    }
}

Test(park, due)
{
    cr_expect_eq(park_due_ms(1000, 5000, 30000), 31000);
    cr_expect_eq(park_due_ms(1000, 500000, 30000), 31000, "long ago: due at once");
    cr_expect_eq(park_due_ms(9000000, 5000, 30000), 35000, "a stamp from the future");
    cr_expect_eq(park_due_ms(-1, 5000, 30000), 35000, "no stamp");
}
