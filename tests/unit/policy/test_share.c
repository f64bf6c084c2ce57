/* share: what the parts of a worker carry, and from when on. */
#include "policy/share.h"

#include <criterion/criterion.h>

#include "base/mem.h"

#define S    1000000LL
#define NOW  (1000 * S)
#define WALL (1790000000LL * S)
#define SPAN (60 * S)

static struct share share;

static void clean(void)
{
    share_done(&share);
}

TestSuite(share, .fini = clean);

/* The worker has the parts from..to-1 of `total`. */
static bool hold(int64_t from, int64_t to, int64_t total, bool moved, int64_t now_us)
{
    struct holding_part parts[64];
    struct holding h = {.parts = parts, .total = total, .lease_us = 10 * S};
    int64_t i = 0;

    for (i = from; i < to; i++)
        parts[h.count++] = (struct holding_part){.index = i, .moved = moved};
    return share_set(&share, &h, now_us, WALL + now_us);
}

Test(share, pieces_are_whole_and_add_up)
{
    static const int64_t limits[] = {0, 1, 3, 7, 12, 13, 100, 1000000007};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(limits); i++) {
        int64_t sum = 0;
        int64_t part = 0;

        for (part = 0; part < 12; part++) {
            hold(part, part + 1, 12, false, NOW);
            sum += share_of(&share, limits[i]);
        }
        cr_expect_eq(sum, limits[i]);
        hold(0, 12, 12, false, NOW);
        cr_expect_eq(share_of(&share, limits[i]), limits[i]);
        cr_expect(share_is_whole(&share));
    }
}

Test(share, nothing_is_ours_at_first_nor_when_the_number_is_not_known)
{
    cr_expect_eq(share_of(&share, 100), 0);
    cr_expect_not(share_is_whole(&share));
    hold(0, 4, 0, false, NOW);
    cr_expect_eq(share_of(&share, 100), 0);
    cr_expect(hold(0, 4, 8, false, NOW + S));
    cr_expect_eq(share_of(&share, 100), 52);
    hold(0, 9, 8, false, NOW + S);
    cr_expect_eq(share_of(&share, 100), 100, "a part that cannot be is left out");
}

Test(share, says_when_something_changes)
{
    cr_expect(hold(0, 4, 8, false, NOW));
    cr_expect_not(hold(0, 4, 8, false, NOW + S));
    cr_expect(hold(0, 3, 8, false, NOW + S));
    cr_expect(hold(1, 4, 8, false, NOW + S), "as many, but others");
    cr_expect_not(hold(1, 4, 8, false, NOW + 2 * S));
    cr_expect(hold(1, 4, 9, false, NOW + 2 * S));
    cr_expect(hold(0, 0, 9, false, NOW + 2 * S));
}

/* A worker that was frozen for longer than its lease may have lost what it had. */
Test(share, a_lapse_costs_a_moment)
{
    hold(0, 8, 8, false, NOW);
    cr_expect_eq(share_ends_us(&share), NOW + 10 * S);
    cr_expect_not(hold(0, 8, 8, false, NOW + 10 * S));
    cr_expect(hold(0, 8, 8, false, NOW + 20 * S + 1));
    cr_expect_eq(share_of(&share, 80), 0);
    cr_expect_not(hold(0, 8, 8, false, NOW + 22 * S));
    cr_expect(hold(0, 8, 8, false, NOW + 33 * S), "frozen again before the moment was over");
    cr_expect_eq(share_of(&share, 80), 0);
    cr_expect(hold(0, 8, 8, false, NOW + 36 * S));
    cr_expect_eq(share_of(&share, 80), 80);
}

/* Every instant belongs to one part, and all of them to somebody. */
Test(share, instants_are_dealt_round)
{
    int64_t at_us = WALL + NOW + 100 * S;
    int64_t last_us = at_us + 10 * SPAN;
    int64_t count = 0;
    int64_t part = 0;

    for (part = 0; part < 5; part++) {
        int64_t t = at_us;

        hold(part, part + 1, 5, false, NOW);
        for (;; count++) {
            int64_t next = share_next_instant(&share, 7, SPAN, 0, t);

            cr_assert_gt(next, t);
            if (next > last_us)
                break;
            cr_assert(t == at_us || next - t >= SPAN * 5 / 7 - 1);
            t = next;
        }
    }
    cr_expect_eq(count, 70);
}

Test(share, instants_begin_with_the_part)
{
    hold(0, 0, 5, false, NOW);
    cr_expect_eq(share_next_instant(&share, 7, SPAN, 0, WALL + NOW), INT64_MAX);
    hold(0, 1, 5, false, NOW + S);
    cr_expect_gt(share_next_instant(&share, 7, SPAN, 0, WALL + NOW + S / 2), WALL + NOW + S);
    cr_expect_lt(share_next_instant(&share, 7, SPAN, 0, WALL + NOW + S / 2), WALL + NOW + 2 * SPAN);
    hold(0, 5, 5, false, NOW + S);
    cr_expect_gt(share_next_instant(&share, 3000, SPAN, 0, WALL + NOW + S / 2),
                 WALL + NOW + S + S / 2,
                 "clocks differ, and the last owner may have used those up to here");
    cr_expect_lt(share_next_instant(&share, 3000, SPAN, 0, WALL + NOW + S / 2), WALL + NOW + 2 * S);
}

Test(share, instants_of_what_was_taken_over_rest)
{
    int64_t next_us = 0;

    hold(0, 5, 5, false, NOW + S);
    next_us = share_next_instant(&share, 3000, SPAN, 5 * S, WALL + NOW + S / 2);
    cr_expect_gt(next_us, WALL + NOW + 6 * S);
    cr_expect_lt(next_us, WALL + NOW + 7 * S);
}

/* As counted one by one. */
Test(share, least_is_what_any_span_holds)
{
    static const int64_t limits[] = {1, 3, 5, 7, 60};
    size_t i = 0;
    int64_t from = 0;
    int64_t to = 0;

    for (i = 0; i < ARRAY_LEN(limits); i++)
        for (from = 0; from < 5; from++)
            for (to = from; to <= 5; to++) {
                int64_t least = INT64_MAX;
                int64_t n = 0;

                hold(from, to, 5, false, NOW);
                for (n = 0; n < 5; n++) {
                    int64_t ours = 0;
                    int64_t k = 0;

                    for (k = n; k < n + limits[i]; k++)
                        ours += k % 5 >= from && k % 5 < to;
                    least = ours < least ? ours : least;
                }
                cr_expect_eq(share_least(&share, limits[i]), least, "%lld: %lld to %lld",
                             (long long)limits[i], (long long)from, (long long)to);
            }
    hold(0, 0, 0, false, NOW);
    cr_expect_eq(share_least(&share, 60), 0, "nobody knows the parts");
}

Test(share, slots_that_moved_rest)
{
    int64_t change_us = 0;

    hold(0, 3, 6, false, NOW);
    cr_expect_eq(share_slots(&share, 8, 30 * S, NOW, &change_us), 5);
    cr_expect_eq(change_us, INT64_MAX);
    hold(0, 6, 6, true, NOW + S);
    cr_expect_eq(share_slots(&share, 8, 30 * S, NOW + S, &change_us), 5, "what we had stays");
    cr_expect_eq(change_us, NOW + 31 * S);
    cr_expect_eq(share_slots(&share, 8, 30 * S, NOW + 31 * S, &change_us), 8);
    cr_expect_eq(change_us, INT64_MAX);
}

/* Who has all parts makes room for nobody, once no call of an earlier owner can be running. */
Test(share, slots_of_a_lone_worker_do_not_rest)
{
    int64_t change_us = 0;
    int64_t at_us = 0;

    hold(0, 12, 12, false, NOW);
    for (at_us = NOW + S; at_us < NOW + 400 * S; at_us += 7 * S) {
        hold(0, 12, 12, false, at_us);
        cr_expect_eq(share_slots(&share, 3, 30 * S, at_us, &change_us), 3);
    }
    hold(0, 11, 12, false, at_us);
    hold(0, 12, 12, true, at_us + S);
    cr_expect_eq(share_slots(&share, 12, 30 * S, at_us + 2 * S, &change_us), 11,
                 "the part that came back had an owner whose calls may still run");
}

/* Three slots, twelve parts: each part has one in every fourth turn, and there are never more than three. */
Test(share, too_few_slots_go_round)
{
    int64_t had[12] = {0};
    int64_t turn = 0;

    for (turn = 0; turn < 12; turn++) {
        int64_t now_us = NOW + turn * 90 * S + 45 * S - (WALL + NOW) % (90 * S);
        int64_t sum = 0;
        int64_t part = 0;

        for (part = 0; part < 12; part++) {
            int64_t change_us = 0;
            int64_t n = 0;

            hold(part, part + 1, 12, false, NOW);
            n = share_slots(&share, 3, 30 * S, now_us, &change_us);
            cr_expect_eq(change_us, now_us + 45 * S);
            had[part] += n;
            sum += n;
            cr_expect_eq(share_slots(&share, 3, 30 * S, now_us - 20 * S, &change_us), 0,
                         "calls of the turn before may still run");
        }
        cr_expect_eq(sum, 3);
    }
    for (turn = 0; turn < 12; turn++)
        cr_expect_eq(had[turn], 3);
}
