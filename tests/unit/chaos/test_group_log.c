/* group_log and waits: made-up records of __consumer_offsets, owners that change, tasks that wait. */
#include <criterion/criterion.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/chaos/group_log.h"
#include "tests/chaos/waits.h"

static struct buf key, value;
static struct group_entry *entry;
static struct group_moves moves;

static void setup(void)
{
    buf_init(&key, 1 << 16);
    buf_init(&value, 1 << 16);
    entry = mem_alloc(sizeof *entry);
    moves = (struct group_moves){.max_per_partition = 10, .max_per_owner = 15};
}

static void teardown(void)
{
    buf_done(&key);
    buf_done(&value);
    free(entry);
    group_moves_done(&moves);
}

TestSuite(group_log, .init = setup, .fini = teardown);

static void put(struct buf *b, int64_t v, size_t bytes)
{
    uint64_t be = htobe64((uint64_t)v);

    buf_append(b, (const char *)&be + 8 - bytes, bytes);
}

static void text(struct buf *b, const char *s)
{
    put(b, s ? (int64_t)strlen(s) : -1, 2);
    if (s)
        buf_str(b, s);
}

static void read_entry(void)
{
    group_entry_read(key.data, key.len, value.data, value.len, "requests", entry);
}

static void commit(int version)
{
    put(&key, 1, 2);
    text(&key, "workers");
    text(&key, "requests");
    put(&key, 3, 4);
    put(&value, version, 2);
    put(&value, 12345678901, 8);
    if (version >= 3)
        put(&value, -1, 4);
    text(&value, "sl1.abc");
    put(&value, 1000, 8);
}

/* A member with an assignment of the partitions named by the digits of `has`, of `topic`. */
static void member(const char *instance, const char *client, const char *topic, const char *has)
{
    struct buf a = BUF_INIT(4096);

    text(&value, "member-id");
    text(&value, instance);
    text(&value, client);
    text(&value, "/127.0.0.1");
    put(&value, 300000, 4);
    put(&value, 6000, 4);
    put(&value, 2, 4);
    buf_str(&value, "xx");
    put(&a, 1, 2);
    put(&a, 1, 4);
    text(&a, topic);
    put(&a, (int64_t)strlen(has), 4);
    for (; *has; has++)
        put(&a, *has - '0', 4);
    put(&a, -1, 4);
    put(&value, (int64_t)a.len, 4);
    buf_append(&value, a.data, a.len);
    buf_done(&a);
}

static void members(int64_t time_ms, int n)
{
    buf_clear(&key);
    buf_clear(&value);
    put(&key, 2, 2);
    text(&key, "workers");
    put(&value, 3, 2);
    text(&value, "consumer");
    put(&value, 5, 4);
    text(&value, "cooperative-sticky");
    text(&value, "leader");
    put(&value, time_ms, 8);
    put(&value, n, 4);
}

/* One generation: who has what; "" leaves the member without partitions. */
static void generation(int64_t time_ms, const char *a, const char *b)
{
    members(time_ms, 2);
    member("disk-a", "w", "requests", a);
    member("disk-b", "w", "requests", b);
    read_entry();
    cr_assert_eq(entry->kind, GROUP_MEMBERS);
    group_moves_add(&moves, entry);
}

Test(group_log, commits_of_two_versions)
{
    for (int version = 1; version <= 3; version += 2) {
        buf_clear(&key);
        buf_clear(&value);
        commit(version);
        read_entry();
        cr_expect_eq(entry->kind, GROUP_COMMIT);
        cr_expect_str_eq(entry->group, "workers");
        cr_expect_str_eq(entry->topic, "requests");
        cr_expect_eq(entry->partition, 3);
        cr_expect_eq(entry->offset, 12345678901);
        cr_expect(entry->metadata_len == 7 && memcmp(entry->metadata, "sl1.abc", 7) == 0);
    }
}

Test(group_log, what_is_cut_or_gone_is_no_entry)
{
    commit(3);
    for (size_t n = 0; n < value.len - 8; n++) {
        group_entry_read(key.data, key.len, value.data, n, "requests", entry);
        cr_expect_eq(entry->kind, GROUP_OTHER, "%zu bytes", n);
    }
    for (size_t n = 0; n < key.len; n++) {
        group_entry_read(key.data, n, value.data, value.len, "requests", entry);
        cr_expect_eq(entry->kind, GROUP_OTHER, "%zu bytes of the key", n);
    }
    group_entry_read(key.data, key.len, NULL, 0, "requests", entry);
    cr_expect_eq(entry->kind, GROUP_OTHER, "a tombstone");
}

Test(group_log, members_and_their_partitions)
{
    members(777, 3);
    member("disk-a", "w", "requests", "02");
    member(NULL, "w2", "requests", "1");
    member(NULL, "w2", "others", "3");
    read_entry();
    cr_expect_eq(entry->kind, GROUP_MEMBERS);
    cr_expect_eq(entry->generation, 5);
    cr_expect_eq(entry->time_ms, 777);
    cr_expect_eq(entry->members, 3);
    cr_expect_eq(entry->owner[0], history_hash("disk-a", 6));
    cr_expect_eq(entry->owner[2], entry->owner[0]);
    cr_expect_eq(entry->owner[1], history_hash("w2", 2), "by its client id");
    cr_expect_eq(entry->owner[3], 0, "another topic");
}

Test(group_log, moves_count_when_another_disk_gets_a_partition)
{
    generation(1000, "012", "34");
    cr_expect_eq(moves.moved, 0);
    generation(2000, "01", "34"); /* 2 is taken away, and given later */
    cr_expect_eq(moves.moved, 0);
    generation(3000, "01", "342");
    cr_expect_eq(moves.moved, 1);
    cr_expect_eq(moves.exposed, 10);
    generation(4000, "01", "342");
    cr_expect_eq(moves.moved, 1);
    generation(5000, "012", "34"); /* and back */
    cr_expect_eq(moves.moved, 2);
    cr_expect_eq(moves.exposed, 20);
    generation(6000, "", "01234"); /* three at once: no more than an owner may have open */
    cr_expect_eq(moves.moved, 5);
    cr_expect_eq(moves.exposed, 35);
}

Test(group_log, a_partition_changed_at_the_generations_that_took_and_gave_it)
{
    generation(1000, "012", "34");
    generation(2000, "01", "34");
    generation(3000, "01", "342");
    cr_expect(group_moves_changed(&moves, 2, 1500, 2500));
    cr_expect(group_moves_changed(&moves, 2, 2500, 3500));
    cr_expect_not(group_moves_changed(&moves, 2, 3001, 9999));
    cr_expect_not(group_moves_changed(&moves, 0, 1001, 9999));
    cr_expect(group_moves_generation(&moves, 2999, 3000));
    cr_expect_not(group_moves_generation(&moves, 3001, 9000));
}

static void add(struct waits *w, int32_t partition, int64_t finished_ms, int64_t replied_ms)
{
    waits_add(w, &(struct wait){partition, finished_ms, replied_ms});
}

Test(group_log, a_task_may_not_wait_for_a_rebalance_that_did_not_move_it)
{
    struct history *h = history_new("workers", "requests", 5);
    struct waits w = {0};
    struct waits_result r;

    generation(1000, "012", "34");
    generation(8000, "01", "342");
    add(&w, 0, 2500, 7500); /* long, but no rebalance in it */
    add(&w, 0, 7990, 8400); /* short */
    add(&w, 1, 7900, 9200); /* this one */
    add(&w, 2, 7000, 9900); /* its partition moved */
    waits_judge(&w, &moves, 1000, h, &r);
    cr_expect_eq(r.publish_ms, 5000);
    cr_expect_eq(r.partition_ms, 900);
    cr_expect_eq(r.over_rebalance, 2);
    cr_expect_eq(r.rebalance_publish_ms, 1300);
    cr_expect_eq(r.rebalance_standstill_ms, 900);
    cr_expect_eq(h->found[WAITED].count, 1);
    cr_expect(strstr(h->found[WAITED].example[0], "partition 1"));
    waits_judge(&w, &moves, 0, h, &r);
    cr_expect_eq(h->found[WAITED].count, 1, "without a limit it only measures");
    waits_done(&w);
    history_free(h);
}

Test(group_log, a_worker_may_not_stand_still_over_a_rebalance)
{
    struct history *h = history_new("workers", "requests", 5);
    struct waits w = {0};
    struct waits_result r;

    generation(1000, "012", "34");
    generation(8000, "01", "342");
    add(&w, 0, 7700, 7700);
    add(&w, 1, 7800, 7800);
    add(&w, 0, 9100, 9100); /* 1.3 s after the last one of this worker */
    add(&w, 2, 7900, 7900); /* given away */
    add(&w, 3, 7500, 7500);
    add(&w, 4, 8300, 8300); /* 0.8 s after the last one of the other */
    waits_judge(&w, &moves, 1000, h, &r);
    cr_expect_eq(r.over_rebalance, 0);
    cr_expect_eq(r.rebalance_standstill_ms, 1300);
    cr_expect_eq(h->found[WAITED].count, 1);
    waits_done(&w);
    history_free(h);
}
