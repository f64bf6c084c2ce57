/* turns: shares by weight among those that wait, whatever their turns cost and whoever comes and goes. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "policy/turns.h"

enum { MANY = 12 };

static struct turns turns;
static struct turn who[MANY];
static bool waits[MANY];

static void join(int i, double weight)
{
    turns_join(&turns, &who[i], weight);
    waits[i] = true;
}

static void leave(int i)
{
    turns_leave(&turns, &who[i]);
    waits[i] = false;
}

static int lowest(void)
{
    int best = -1;
    int i;

    for (i = 0; i < MANY; i++) {
        if (waits[i] && (best < 0 || who[i].at < who[best].at))
            best = i;
    }
    return best;
}

/* Serves whose turn it is; who that was. */
static int serve(double cost)
{
    int i = lowest();

    turns_take(&turns, &who[i], cost);
    turns_pass(&turns, who[lowest()].at);
    return i;
}

static void init(void)
{
    turns = (struct turns){0};
    for (int i = 0; i < MANY; i++) {
        who[i] = (struct turn){0};
        waits[i] = false;
    }
}

TestSuite(turns, .init = init);

Test(turns, shares_are_as_the_weights)
{
    double had[3] = {0};
    int i;

    join(0, 1);
    join(1, 2);
    join(2, 5);
    for (i = 0; i < 800; i++)
        had[serve(10)] += 10;
    cr_expect_float_eq(had[0], 1000, 10);
    cr_expect_float_eq(had[1], 2000, 10);
    cr_expect_float_eq(had[2], 5000, 10);
}

/* By any two of them, at any time: what they have had by their weight differs by less than a turn of each. */
Test(turns, nobody_is_more_than_a_turn_ahead)
{
    struct rng rng = {.state = 1};
    int round, n, i, k;

    for (round = 0; round < 200; round++) {
        double had[MANY] = {0};
        double weight[MANY];
        double most = 0;

        init();
        for (i = 0; i < MANY; i++)
            join(i, weight[i] = 1 + (double)(rng_below(&rng, 9)));
        for (n = 0; n < 500; n++) {
            double cost = 1 + (double)(rng_below(&rng, 1000));
            int one = serve(cost);

            had[one] += cost / weight[one];
            most = fmax(most, cost / weight[one]);
            for (i = 0; i < MANY; i++)
                for (k = 0; k < i; k++)
                    cr_assert_leq(fabs(had[i] - had[k]), most + 1e-6, "round %d, turn %d", round,
                                  n);
        }
    }
}

Test(turns, a_newcomer_waits_for_nobodys_past_and_gets_no_past)
{
    int i, second = 0;

    join(0, 1);
    for (i = 0; i < 1000; i++)
        serve(10);
    join(1, 1);
    cr_expect_leq(serve(10) + serve(10) + serve(10), 2, "one of the first two or three is its own");
    for (i = 0; i < 100; i++)
        second += serve(10);
    cr_expect_float_eq(second, 50, 1);
}

/* One that comes back for each task of its own has no more than one that always waits. */
Test(turns, leaving_and_coming_back_wins_nothing)
{
    int i, came_back = 0;

    join(0, 1);
    for (i = 0; i < 1000; i++) {
        if (!waits[1])
            join(1, 1);
        if (serve(10) == 1) {
            came_back++;
            leave(1);
        }
    }
    cr_expect_float_eq(came_back, 500, 2);
}

/* A stream of fresh ones, each with one turn, does not starve one that stays. */
Test(turns, fresh_ones_do_not_starve_one_that_stays)
{
    int i, stayed = 0;
    int next = 1;

    join(0, 1);
    join(1, 1);
    for (i = 0; i < 1000; i++) {
        int one = serve(10);

        if (one == 0) {
            stayed++;
            continue;
        }
        leave(one);
        next = next % (MANY - 1) + 1;
        who[next] = (struct turn){0};
        join(next, 1);
    }
    cr_expect_gt(stayed, 300);
    cr_expect_lt(stayed, 700);
}

/* One that could not be served for long does not hold up the others afterwards. */
Test(turns, what_could_not_be_had_is_not_made_up_for)
{
    int i, second = 0;

    join(0, 1);
    join(1, 1);
    for (i = 0; i < 1000; i++) {
        turns_take(&turns, &who[0], 10);
        turns_pass(&turns, who[0].at); /* 1 waits for something else */
    }
    for (i = 0; i < 100; i++)
        second += serve(10) == 1;
    cr_expect_float_eq(second, 50, 2);
}

Test(turns, all_are_equal_again_when_nobody_waited)
{
    int i, second = 0;

    join(0, 1);
    join(1, 1);
    for (i = 0; i < 10; i++)
        turns_take(&turns, &who[1], 1000);
    leave(0);
    leave(1);
    join(0, 1);
    join(1, 1);
    for (i = 0; i < 10; i++)
        second += serve(10);
    cr_expect_eq(second, 5);
}
