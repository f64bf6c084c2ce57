/* flight: who leads, who follows, and how followers get out. */
#include "pool/flight.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

static struct flights *flights;

static void setup(void)
{
    flights = flights_new(10);
}

static void teardown(void)
{
    flights_free(flights);
}

TestSuite(flight, .init = setup, .fini = teardown);

static struct task *running(void)
{
    struct task *t = task_new();

    task_set_state(t, TASK_INBOX);
    task_set_state(t, TASK_RUNNING);
    return t;
}

static void key_of(uint64_t i, uint8_t key[SHA256_LEN])
{
    memset(key, 0, SHA256_LEN);
    memcpy(key + 8, &i, sizeof i); /* the same bucket for all of them */
}

static int join(uint64_t i, struct task *t)
{
    uint8_t key[SHA256_LEN];

    key_of(i, key);
    return flight_join(flights, key, t);
}

Test(flight, the_first_leads_and_its_twins_come_out_in_order)
{
    struct task *t[5];
    struct list_node out;
    int i;

    for (i = 0; i < 5; i++) {
        t[i] = running();
        cr_expect_eq(join(7, t[i]), i ? FLIGHT_FOLLOWS : FLIGHT_LEADS);
        cr_expect_eq(t[i]->state, i ? TASK_TWIN : TASK_RUNNING);
    }
    cr_expect_eq(flights_twins(flights), 4);
    flight_close(flights, t[0], &out);
    cr_expect_null(t[0]->flight);
    cr_expect_eq(flights_twins(flights), 0);
    for (i = 1; i < 5; i++) {
        cr_expect_eq(list_pop(&out), &t[i]->node);
        cr_expect_eq(t[i]->state, TASK_INBOX);
    }
    cr_expect(list_empty(&out));
    flight_close(flights, t[0], &out);
    cr_expect(list_empty(&out), "a second close is none");
    for (i = 0; i < 5; i++)
        task_free(t[i]);
}

Test(flight, keys_in_one_bucket_are_told_apart)
{
    struct task *t[100];
    struct list_node out;
    uint64_t i;

    for (i = 0; i < 100; i++) {
        t[i] = running();
        cr_expect_eq(join(i, t[i]), FLIGHT_LEADS);
    }
    for (i = 0; i < 100; i++) {
        flight_close(flights, t[i], &out);
        cr_expect(list_empty(&out));
        cr_expect_eq(join(i, t[i]), FLIGHT_LEADS, "it was closed");
        flight_close(flights, t[i], &out);
        task_free(t[i]);
    }
}

Test(flight, a_twin_that_leaves_is_not_released)
{
    struct task *leader = running();
    struct task *twin = running();
    struct task *other = running();
    struct list_node out;

    join(1, leader);
    join(1, twin);
    join(1, other);
    cr_expect(flight_leave(flights, twin));
    cr_expect_eq(twin->state, TASK_RUNNING);
    cr_expect_not(flight_leave(flights, twin), "it is no twin any more");
    flight_close(flights, leader, &out);
    cr_expect_eq(list_pop(&out), &other->node);
    cr_expect(list_empty(&out));
    cr_expect_not(flight_leave(flights, other), "it is on its way to its inbox");
    cr_expect_eq(flights_twins(flights), 0);
    task_free(leader);
    task_free(twin);
    task_free(other);
}
