/* history: each verdict is found in a made-up history that has it, and in no other. */
#include "tests/chaos/history.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/ledger.h"
#include "policy/map.h"

#define GROUP  "workers"
#define TOPIC  "requests"
#define PARTS  2
#define INPUTS 10 /* in each partition */

static struct history *h;
static struct history_bound bound;

static uint64_t id_of(int32_t partition, int64_t offset)
{
    return (uint64_t)(partition * 1000 + offset + 1);
}

static void setup(void)
{
    h = history_new(GROUP, TOPIC, PARTS);
    bound = (struct history_bound){.counted = true};
    for (int32_t p = 0; p < PARTS; p++)
        for (int64_t o = 0; o < INPUTS; o++) {
            struct history_record r = {
                .id = id_of(p, o), .prompt = id_of(p, o) + 7, .digest = id_of(p, o) * 31};

            history_input(h, p, o, &r);
        }
}

static void teardown(void)
{
    h = history_free(h);
}

TestSuite(history, .init = setup, .fini = teardown);

static struct history_reply reply_to(int32_t partition, int64_t offset)
{
    return (struct history_reply){.partition = 1 - partition,
                                  .offset = offset + 100,
                                  .source_partition = partition,
                                  .source_offset = offset,
                                  .id = id_of(partition, offset),
                                  .prompt = id_of(partition, offset) + 7,
                                  .fate = FATE_COMMITTED};
}

/* Replies, calls and commits of a good run, but for what the test leaves out. */
static void good_reply(int32_t partition, int64_t offset)
{
    struct history_reply r = reply_to(partition, offset);

    history_reply(h, &r);
}

static void good_replies(int32_t but_partition, int64_t but_offset)
{
    for (int32_t p = 0; p < PARTS; p++)
        for (int64_t o = 0; o < INPUTS; o++)
            if (p != but_partition || o != but_offset)
                good_reply(p, o);
}

static void good_calls(int32_t but_partition, int64_t but_offset)
{
    for (int32_t p = 0; p < PARTS; p++)
        for (int64_t o = 0; o < INPUTS; o++)
            if (p != but_partition || o != but_offset)
                history_call(h, id_of(p, o) * 31, 1);
}

static void good_commits(void)
{
    for (int32_t p = 0; p < PARTS; p++) {
        history_commit(h, p, 4, NULL, 0);
        history_commit(h, p, INPUTS, NULL, 0);
    }
}

/* The text that a worker commits at `base` when the records of `done` (a string of digits) are done above. */
static char *map_of(int32_t partition, int64_t base, const char *done, size_t *ret_len)
{
    struct map_scope scope = {GROUP, TOPIC, partition};
    struct ledger *l = ledger_new(base, 100, 100);
    struct buf out = BUF_INIT(4096);
    int64_t to;

    for (int64_t o = base; o < INPUTS; o++)
        cr_assert_eq(ledger_begin(l, o), LEDGER_NEW);
    for (; *done; done++)
        ledger_done(l, *done - '0');
    cr_assert_eq(map_encode(&scope, l, NULL, NULL, 4000, &out, &to), MAP_GOOD);
    cr_assert_eq(to, base);
    ledger_free(l);
    return buf_steal(&out, ret_len);
}

static void commit_map(int32_t partition, int64_t base, const char *done)
{
    size_t len;
    char *text = map_of(partition, base, done, &len);

    history_commit(h, partition, base, text, len);
    free(text);
}

/* Exactly n findings of kind v, none of other kinds but `also`. */
static void expect(int v, uint64_t n, int also)
{
    history_judge(h, &bound);
    for (int i = 0; i < VERDICTS; i++)
        if (i != also)
            cr_expect_eq(h->found[i].count, i == v ? n : 0, "%s: %llu (%s)", verdict_names[i],
                         (unsigned long long)h->found[i].count, h->found[i].example[0]);
    cr_expect_eq(history_violations(h), n + (also >= 0 ? h->found[also].count : 0));
    if (also >= 0)
        cr_expect_gt(h->found[also].count, 0);
}

Test(history, a_good_run_has_no_findings)
{
    good_replies(-1, 0);
    good_calls(-1, 0);
    good_commits();
    expect(-1, 0, -1);
}

Test(history, maps_and_bases_that_grow_are_good)
{
    good_replies(-1, 0);
    good_calls(-1, 0);
    commit_map(0, 2, "459");
    commit_map(0, 3, "4589");
    commit_map(0, 6, "89");
    history_commit(h, 0, INPUTS, NULL, 0);
    commit_map(1, 0, "9");
    history_commit(h, 1, INPUTS, "", 0);
    expect(-1, 0, -1);
    cr_expect_eq(h->done, PARTS * INPUTS);
    cr_expect_eq(h->replies, PARTS * INPUTS);
    cr_expect_eq(h->calls, PARTS * INPUTS);
}

Test(history, done_is_followed_through_the_map)
{
    commit_map(0, 2, "459");
    for (int64_t o = 0; o < INPUTS; o++)
        cr_expect_eq(h->parts[0].at[o].done, o < 2 || o == 4 || o == 5 || o == 9, "%d", (int)o);
}

Test(history, lost_when_open_and_without_a_reply)
{
    good_replies(1, 9);
    good_calls(1, 9);
    history_commit(h, 0, INPUTS, NULL, 0);
    history_commit(h, 1, 9, NULL, 0);
    expect(LOST, 1, -1);
    cr_expect(strstr(h->found[LOST].example[0], "1/9"));
}

Test(history, lost_and_torn_when_committed_without_a_reply)
{
    good_replies(0, 3);
    good_calls(-1, 0);
    good_commits();
    expect(LOST, 1, TORN_DONE);
    cr_expect_eq(h->found[TORN_DONE].count, 1);
}

Test(history, torn_when_the_map_says_done_without_a_reply)
{
    good_replies(0, 8);
    good_calls(-1, 0);
    commit_map(0, 7, "89");
    good_reply(0, 7);
    history_commit(h, 1, INPUTS, NULL, 0);
    history_judge(h, &bound);
    cr_expect_eq(h->found[TORN_DONE].count, 1);
    cr_expect(strstr(h->found[TORN_DONE].example[0], "0/8"));
}

Test(history, torn_when_a_reply_is_visible_and_the_record_open)
{
    good_replies(-1, 0);
    good_calls(-1, 0);
    history_commit(h, 0, INPUTS, NULL, 0);
    commit_map(1, 6, "789");
    expect(TORN_OPEN, 1, -1);
    cr_expect(strstr(h->found[TORN_OPEN].example[0], "1/6"));
}

Test(history, duplicate)
{
    good_replies(-1, 0);
    good_reply(1, 2);
    good_reply(1, 2);
    good_calls(-1, 0);
    good_commits();
    expect(DUPLICATE, 2, -1);
}

Test(history, at_least_once_allows_duplicates_and_nothing_else)
{
    h->exactly_once = false;
    good_replies(0, 0);
    good_reply(1, 2);
    good_calls(-1, 0);
    good_commits();
    history_judge(h, &bound);
    cr_expect_eq(h->found[DUPLICATE].count, 1);
    cr_expect_eq(history_violations(h), 2); /* lost and torn */
}

Test(history, phantom)
{
    struct history_reply unknown = reply_to(0, INPUTS), nowhere = reply_to(0, 1);

    good_replies(-1, 0);
    nowhere.source_partition = -1;
    history_reply(h, &unknown);
    history_reply(h, &nowhere);
    nowhere.source_partition = PARTS;
    history_reply(h, &nowhere);
    good_calls(-1, 0);
    good_commits();
    expect(PHANTOM, 3, -1);
}

Test(history, aborted_read)
{
    struct history_reply r = reply_to(0, 4);

    good_replies(0, 4);
    r.fate = FATE_ABORTED;
    history_reply(h, &r);
    good_calls(-1, 0);
    good_commits();
    expect(ABORTED_READ, 1, -1);
}

Test(history, read_of_a_transaction_that_never_ended)
{
    struct history_reply r = reply_to(0, 4);

    good_replies(0, 4);
    r.fate = FATE_OPEN;
    history_reply(h, &r);
    good_calls(-1, 0);
    good_commits();
    expect(ABORTED_READ, 1, -1);
}

Test(history, hidden_when_the_log_has_more_than_was_seen)
{
    good_replies(-1, 0);
    good_calls(-1, 0);
    good_commits();
    history_log(h, 0, 12, 0, 10);
    history_log(h, 1, 10, 0, 10);
    expect(HIDDEN, 2, -1);
}

Test(history, hanging)
{
    good_replies(-1, 0);
    good_calls(-1, 0);
    good_commits();
    history_log(h, 0, 10, 3, 10);
    expect(HANGING, 3, -1);
}

Test(history, wrong_answer_by_prompt_and_by_id)
{
    struct history_reply prompt = reply_to(0, 4), id = reply_to(0, 5);

    good_replies(0, 4);
    prompt.prompt++;
    history_reply(h, &prompt);
    h->parts[0].at[5].replies = 0;
    id.id++;
    history_reply(h, &id);
    good_calls(-1, 0);
    good_commits();
    expect(WRONG, 2, -1);
}

Test(history, error_reply)
{
    struct history_reply r = reply_to(0, 4);

    good_replies(0, 4);
    r.failed = true;
    r.prompt = 0;
    history_reply(h, &r);
    good_calls(-1, 0);
    good_commits();
    expect(FAILED, 1, -1);
}

Test(history, offset_that_goes_back)
{
    good_replies(-1, 0);
    good_calls(-1, 0);
    history_commit(h, 0, 5, NULL, 0);
    commit_map(0, 4, "5");
    h->found[FORGOTTEN].count = 0;
    good_commits();
    expect(BACKWARDS, 1, FORGOTTEN);
}

Test(history, a_map_that_forgets_what_was_done)
{
    good_replies(-1, 0);
    good_calls(-1, 0);
    commit_map(0, 2, "459");
    commit_map(0, 3, "49");
    history_commit(h, 0, INPUTS, NULL, 0);
    history_commit(h, 1, INPUTS, NULL, 0);
    expect(FORGOTTEN, 1, -1);
    cr_expect(strstr(h->found[FORGOTTEN].example[0], "0/5"));
}

Test(history, a_commit_without_map_forgets_what_was_done_above)
{
    good_replies(-1, 0);
    good_calls(-1, 0);
    commit_map(0, 2, "459");
    history_commit(h, 0, 2, NULL, 0);
    history_commit(h, 0, INPUTS, NULL, 0);
    history_commit(h, 1, INPUTS, NULL, 0);
    expect(FORGOTTEN, 3, -1);
}

Test(history, at_least_once_may_leave_the_map_out)
{
    h->exactly_once = false;
    good_replies(-1, 0);
    good_calls(-1, 0);
    commit_map(0, 2, "459");
    history_commit(h, 0, 2, NULL, 0);
    history_commit(h, 0, INPUTS, NULL, 0);
    history_commit(h, 1, INPUTS, NULL, 0);
    expect(-1, 0, -1);
}

Test(history, a_map_that_does_not_decode)
{
    size_t len;
    char *text = map_of(0, 2, "459", &len);

    good_replies(-1, 0);
    good_calls(-1, 0);
    text[len - 1] = text[len - 1] == 'A' ? 'B' : 'A';
    history_commit(h, 0, 2, text, len);
    history_commit(h, 0, INPUTS, NULL, 0);
    history_commit(h, 1, INPUTS, NULL, 0);
    expect(BAD_MAP, 1, -1);
    free(text);
}

Test(history, answer_without_a_call)
{
    good_replies(-1, 0);
    good_calls(0, 1);
    good_commits();
    expect(UNPAID, 1, -1);
}

Test(history, call_without_an_input)
{
    good_replies(-1, 0);
    good_calls(-1, 0);
    history_call(h, 5, 1);
    good_commits();
    bound.in_flight = 1;
    expect(STRANGE_CALL, 1, -1);
}

Test(history, calls_up_to_the_bound_and_over_it)
{
    good_replies(-1, 0);
    good_calls(0, 0);
    history_call(h, id_of(0, 0) * 31, 6);
    good_commits();
    bound.in_flight = 3;
    bound.moved = 2;
    history_judge(h, &bound);
    cr_expect_eq(history_violations(h), 0);
    cr_expect_eq(h->repeated_calls, 5);
    bound.moved = 1;
    expect(OVERPAID, 1, -1);
}

Test(history, many_inputs_with_holes)
{
    for (int64_t o = 0; o < 100000; o += 3) {
        struct history_record r = {.id = 1, .prompt = 2, .digest = (uint64_t)o + 1000000};

        if (o >= INPUTS)
            history_input(h, 0, o, &r);
    }
    cr_expect_not(h->parts[0].at[13].there);
    cr_expect(h->parts[0].at[99999].there);
    history_commit(h, 0, 100000, NULL, 0);
    history_judge(h, &bound);
    cr_expect_eq(h->found[LOST].count, h->inputs);
}
