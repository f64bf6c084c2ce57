/* task: outcomes, trail, headers and states. */
#include <criterion/criterion.h>

#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "task/task.h"

Test(task, new_and_free)
{
    struct task *t = task_new();

    cr_expect_eq(t->route, -1);
    cr_expect_eq(t->deadline_us, INT64_MAX);
    cr_expect_eq(t->state, TASK_NEW);
    cr_expect_null(task_free(t));
    cr_expect_null(task_free(NULL));
}

Test(task, failures_replace_each_other)
{
    struct task *t = task_new();
    struct completion *c = completion_new();

    task_fail_http(t, 429, "rate_limit", "{}", 2);
    cr_expect_eq(t->error->http_status, 429);
    cr_expect_str_eq(t->error->body, "{}");
    task_fail(t, "deadline_exceeded", "after %d s", 3);
    cr_expect_eq(t->error->http_status, 0);
    cr_expect_null(t->error->body);
    cr_expect_str_eq(t->error->message, "after 3 s");
    task_succeed(t, c);
    cr_expect_null(t->error);
    cr_expect_eq(t->completion, c);
    task_free(t);
}

Test(task, trail_keeps_the_last)
{
    struct task *t = task_new();
    int i = 0;

    for (i = 0; i < TASK_ATTEMPTS_MAX + 10; i++)
        task_trail_add(t, &(struct attempt){.ms = i});
    cr_expect_eq(t->ntrail, TASK_ATTEMPTS_MAX);
    cr_expect_eq(t->trail[0].ms, 10);
    cr_expect_eq(t->trail[TASK_ATTEMPTS_MAX - 1].ms, TASK_ATTEMPTS_MAX + 9);
    task_free(t);
}

Test(task, headers)
{
    struct task *t = task_new();
    const struct task_header *h = NULL;
    int i = 0;

    cr_expect_null(task_header_get(t, "a"));
    cr_expect_eq(task_header_add(t, "a", "\0\1", 2), 0);
    cr_expect_eq(task_header_add(t, "n", NULL, 0), 0);
    h = task_header_get(t, "a");
    cr_assert_not_null(h);
    cr_expect_eq(h->len, 2);
    cr_expect_eq(memcmp(h->value, "\0\1", 2), 0);
    cr_expect_null(task_header_get(t, "n")->value);
    for (i = t->nheaders; i < TASK_HEADERS_MAX; i++)
        cr_expect_eq(task_header_add(t, "x", "y", 1), 0);
    cr_expect_eq(task_header_add(t, "x", "y", 1), -1, "no more than there is room for");
    task_free(t);
}

Test(task, states)
{
    static const enum task_state life[] = {
        TASK_INBOX,   TASK_RUNNING, TASK_WAITING, TASK_RUNNING, TASK_HTTP,    TASK_RUNNING,
        TASK_DELAYED, TASK_RUNNING, TASK_TWIN,    TASK_RUNNING, TASK_STORING, TASK_OUTBOX,
    };
    struct task *t = task_new();
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(life); i++) {
        task_set_state(t, life[i]);
        cr_expect_eq(t->state, life[i]);
    }
    task_free(t);
}

Test(task, an_illegal_move_stops_the_process, .signal = SIGABRT)
{
    struct task *t = task_new();

    task_set_state(t, TASK_OUTBOX);
    task_set_state(t, TASK_RUNNING);
}

Test(task, completions_are_shared)
{
    struct completion *c = completion_new();
    struct completion *same = completion_ref(c);

    c->body = mem_strdup("{}");
    cr_expect_null(completion_unref(c));
    cr_expect_str_eq(same->body, "{}");
    cr_expect_null(completion_unref(same));
    cr_expect_null(completion_unref(NULL));
}

Test(task, what_may_be_cached)
{
    static const bool may[FINISH_COUNT] = {[FINISH_STOP] = true, [FINISH_TOOL_CALLS] = true};
    struct completion c = {0};
    int i = 0;

    for (i = 0; i < FINISH_COUNT; i++) {
        c.finish = (enum finish)i;
        cr_expect_eq(completion_cacheable(&c) != 0, may[i], "%s", finish_name(c.finish));
    }
}
