/* The store as its users see it: what was reported done can be read back, by anybody, also after a
 * reopen. */
#include <criterion/criterion.h>

#include "io/store_int.h"
#include "store_fixture.h"

static struct config config;
static char *dir;
static struct store *store;

static void setup(void)
{
    config = fixture_config();
    dir = fixture_dir();
    store = fixture_open(dir, &config);
}

static void teardown(void)
{
    store_free(store);
    fixture_remove(dir);
}

static void reopen(void)
{
    store_free(store);
    store = fixture_open(dir, &config);
}

static int get(uint64_t i, int64_t now, struct completion **ret)
{
    return fixture_get_at(store, i, now, ret);
}

static void put(uint64_t i, const char *body, int64_t expires)
{
    struct completion *c = fixture_completion("fast", body);

    c->expires_wall_ms = expires;
    fixture_put_at(store, i, c);
}

TestSuite(store, .init = setup, .fini = teardown, .timeout = 60);

Test(store, completion_round_trip_also_after_reopen)
{
    struct completion *c = NULL;

    cr_assert_eq(get(1, 0, &c), STORE_NONE);
    put(1, "{\"a\":\"\xc3\xa4\"}", 0);
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(get(1, INT64_MAX, &c), STORE_FOUND);
        cr_assert_str_eq(c->body, "{\"a\":\"\xc3\xa4\"}");
        cr_assert_eq(c->body_len, 10);
        cr_assert_eq(c->finish, FINISH_STOP);
        cr_assert_eq(c->usage.input_tokens, 10);
        cr_assert_eq(c->usage.cache_write_tokens, -1);
        cr_assert_eq(c->usage.reasoning_tokens, 2);
        cr_assert_eq(c->cost_usd, 0.0012);
        cr_assert_str_eq(c->model, "fast");
        cr_assert_str_eq(c->upstream_model, "up-fast");
        cr_assert_str_eq(c->request_id, "req_1");
        completion_unref(c);
        reopen();
    }
}

/* A default that changes, and a configuration that does, find the store as it was written. */
Test(store, tables_with_blocks_of_another_size_are_read)
{
    static const int64_t sizes[] = {64 << 10, 4 << 10, 16 << 10};
    struct err e = {0};

    for (size_t size = 0; size < ARRAY_LEN(sizes); size++) {
        config.cache.block_bytes = sizes[size];
        reopen();
        for (uint64_t i = 0; i < 100; i++)
            put(size * 100 + i, "{\"a\":1}", 0);
        cr_assert_eq(store_flush(store, &e), 0, "%s", e.msg);
        for (uint64_t i = 0; i < (size + 1) * 100; i++)
            cr_assert(fixture_has_at(store, i), "%d after blocks of %d", (int)i, (int)sizes[size]);
    }
}

Test(store, expiry_is_checked_on_read)
{
    static const struct {
        int64_t expires, now;
        int result;
    } rows[] = {
        {0, INT64_MAX, STORE_FOUND},
        {5000, 4999, STORE_FOUND},
        {5000, 5000, STORE_NONE},
        {5000, 9000, STORE_NONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct completion *c = NULL;

        put(7, "{}", rows[i].expires);
        cr_expect_eq(get(7, rows[i].now, &c), rows[i].result, "row %zu", i);
        completion_unref(c);
    }
}

Test(store, outcome_round_trip_and_foreign_fingerprint)
{
    fixture_put_outcome(store, "c/g/t/0/5", 'a', "{\"id\":1}", 10);
    for (int round = 0; round < 2; round++) {
        cr_expect_eq(fixture_has_outcome(store, "c/g/t/0/5", 'a', "{\"id\":1}"), STORE_FOUND);
        cr_expect_eq(fixture_has_outcome(store, "c/g/t/0/5", 'b', ""), STORE_OTHER);
        cr_expect_eq(fixture_has_outcome(store, "c/g/t/0/6", 'a', ""), STORE_NONE);
        reopen();
    }
}

Test(store, one_operation_writes_both_families)
{
    struct completion *c = fixture_completion("fast", "{}"), *back = NULL;
    uint8_t key[SHA256_LEN], fingerprint[16] = "0123456789abcdef";
    struct acks a = ACKS_INIT;
    struct store_op op = {.journal_key = (const uint8_t *)"j",
                          .journal_key_len = 1,
                          .fingerprint = fingerprint,
                          .reply = "r",
                          .reply_len = 1,
                          .status = -3,
                          .completion_key = key,
                          .completion = c};
    struct outcome o;

    fixture_key(3, key);
    acks_submit(&a, store, &op);
    acks_wait(&a);
    cr_expect_eq(a.written, 1);
    cr_assert_eq(store_get_outcome(store, (const uint8_t *)"j", 1, fingerprint, &o, NULL), 0);
    cr_expect(!o.ok && o.status == -3 && o.reply_len == 1 && o.reply[0] == 'r');
    free(o.reply);
    cr_assert_eq(store_get_completion(store, key, 0, &back, NULL), STORE_FOUND);
    completion_unref(back);
    completion_unref(c);
}

Test(store, lone_operation_is_written_by_its_caller)
{
    uint8_t fingerprint[16] = "0123456789abcdef";
    struct store_op op = {.journal_key = (const uint8_t *)"j",
                          .journal_key_len = 1,
                          .fingerprint = fingerprint,
                          .reply = "r",
                          .reply_len = 1};
    struct outcome o;

    for (int round = 0; round < 2; round++) {
        cr_assert_eq(store_write_lone(store, &op), 0);
        reopen();
        cr_assert_eq(store_get_outcome(store, (const uint8_t *)"j", 1, fingerprint, &o, NULL), 0);
        free(o.reply);
    }
    /* One that is not sure to work at once is the writer's. */
    store->fail_writes = 1;
    cr_expect_eq(store_write_lone(store, &op), STORE_BUSY);
    cr_expect_eq(store->fail_writes, 1, "it has not tried");
    store->fail_writes = 0;
    store->busy = true;
    cr_expect_eq(store_write_lone(store, &op), STORE_BUSY);
    store->busy = false;
    config.cache.sync = true;
    reopen();
    cr_expect_eq(store_write_lone(store, &op), STORE_BUSY, "it would wait for the disk");
}

/* Puts bytes into a family behind the codec's back. */
static void put_raw(enum store_family f, const void *key, size_t key_len, const char *value,
                    size_t n)
{
    char *error = NULL;

    rocksdb_put_cf(store->handles.db, store->options.write, store->handles.family[f], key, key_len,
                   value, n, &error);
    cr_assert_null(error);
}

Test(store, undecodable_and_foreign_versions_are_counted_and_not_found)
{
    static const char *const values[] = {"", "x",
                                         "\x02"
                                         "C\x00\x00",
                                         "\x01"
                                         "O",
                                         "\x01"
                                         "C"};
    uint8_t key[SHA256_LEN];
    struct completion *c;
    struct store_stats st;

    fixture_key(9, key);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        put_raw(STORE_COMPLETIONS, key, sizeof key, values[i], strlen(values[i]));
        cr_expect_eq(store_get_completion(store, key, 0, &c, NULL), STORE_NONE, "%zu", i);
        put_raw(STORE_OUTCOMES, "k", 1, values[i], strlen(values[i]));
        cr_expect_eq(fixture_has_outcome(store, "k", 0, ""), STORE_OTHER, "%zu", i);
    }
    store_stats(store, &st);
    cr_expect_eq(st.undecodable, 2 * ARRAY_LEN(values));
    cr_expect_eq(st.hits, 0);
}

Test(store, forget_deletes_and_a_later_write_wins)
{
    fixture_put_outcome(store, "j/1", 'a', "one", 10);
    fixture_put_outcome(store, "j/2", 'a', "two", 10);
    store_forget(store, (const uint8_t *)"j/1", 3);
    store_forget(store, (const uint8_t *)"j/2", 3);
    fixture_put_outcome(store, "j/2", 'a', "three", 11); /* queued behind: seen when it is done */
    cr_expect_eq(fixture_has_outcome(store, "j/1", 'a', ""), STORE_NONE);
    cr_expect_eq(fixture_has_outcome(store, "j/2", 'a', "three"), STORE_FOUND);
}

static bool keep_even(void *arg, const uint8_t *key, size_t key_len)
{
    int *asked = arg;

    (*asked)++;
    return (key[key_len - 1] - '0') % 2 == 0;
}

Test(store, prune_deletes_what_is_not_kept_and_only_below_the_prefix)
{
    char key[32];
    int asked = 0, left = 0;

    for (int i = 0; i < 1500; i++) { /* more than one slice */
        snprintf(key, sizeof key, "t/0/%05d", i);
        fixture_put_outcome(store, key, 'a', "r", 1);
    }
    fixture_put_outcome(store, "t/1/00001", 'a', "r", 1);
    fixture_put_outcome(store, "t/.", 'a', "r", 1);
    cr_assert_eq(store_prune(store, (const uint8_t *)"t/0/", 4, keep_even, &asked, NULL), 0);
    cr_expect_eq(asked, 1500);
    for (int i = 0; i < 1500; i++) {
        snprintf(key, sizeof key, "t/0/%05d", i);
        left += fixture_has_outcome(store, key, 'a', "r") == STORE_FOUND;
        cr_expect(i % 2 == 0 || fixture_has_outcome(store, key, 'a', "r") == STORE_NONE);
    }
    cr_expect_eq(left, 750);
    cr_expect_eq(fixture_has_outcome(store, "t/1/00001", 'a', "r"), STORE_FOUND);
    cr_expect_eq(fixture_has_outcome(store, "t/.", 'a', "r"), STORE_FOUND);
}

Test(store, many_operations_are_batched_and_all_reported)
{
    enum { N = 5000 };
    struct store_op *ops = mem_array(N, sizeof *ops);
    char(*keys)[16] = mem_array(N, sizeof *keys);
    uint8_t fingerprint[16] = {0};
    struct acks a = ACKS_INIT;
    struct store_stats st;
    struct list_node list;

    list_init(&list);
    a.left = N;
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "k%d", i);
        ops[i] = (struct store_op){.journal_key = (const uint8_t *)keys[i],
                                   .journal_key_len = strlen(keys[i]),
                                   .fingerprint = fingerprint,
                                   .reply = "x",
                                   .reply_len = 1,
                                   .done = acks_done,
                                   .arg = &a};
        list_push(&list, &ops[i].node);
    }
    store_submit_list(store, &list);
    acks_wait(&a);
    store_stats(store, &st);
    cr_expect_eq(a.written, N);
    cr_expect_eq(st.writes, N);
    cr_expect_eq(st.batches, (N + 511) / 512);
    free(keys);
    free(ops);
}

Test(store, closing_writes_out_what_is_queued)
{
    enum { N = 2000 };
    char key[16];

    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "f%d", i);
        fixture_put_outcome(store, key, 'a', "r", 1);
        if (i % 2)
            store_forget(store, (const uint8_t *)key, strlen(key));
    }
    reopen();
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "f%d", i);
        cr_assert_eq(fixture_has_outcome(store, key, 'a', "r"), i % 2 ? STORE_NONE : STORE_FOUND);
    }
}

Test(store, second_opener_is_told_that_it_is_in_use)
{
    struct err e = {0};

    cr_assert_null(store_open(dir, &config, &e));
    cr_expect(strstr(e.msg, "cache.path") && strstr(e.msg, "in use"), "%s", e.msg);
}

static int files_in(const char *path)
{
    char command[600];
    int n = 0;
    FILE *f;

    snprintf(command, sizeof command, "ls %s | wc -l", path);
    f = popen(command, "r");
    cr_assert_eq(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

Test(store, readonly_beside_a_live_store_reads_and_leaves_no_trace)
{
    struct completion *c = NULL;
    struct err e = {0};
    struct store *ro;
    int before;

    put(1, "{}", 0);
    cr_assert_eq(store_flush(store, &e), 0, "%s", e.msg);
    put(2, "{}", 0);
    before = files_in(store->db_path);
    ro = store_open_readonly(dir, &config, &e);
    cr_assert_not_null(ro, "%s", e.msg);
    for (uint64_t i = 1; i <= 2; i++) {
        cr_expect_eq(fixture_get_at(ro, i, 0, &c), STORE_FOUND, "%d", (int)i);
        c = completion_unref(c);
    }
    store_free(ro);
    cr_expect_eq(files_in(store->db_path), before);
}

Test(store_errors, unusable_paths_are_explained)
{
    struct config c = fixture_config();
    char *root = fixture_dir(), file[128], below[160];
    struct err e = {0};
    FILE *f;

    snprintf(file, sizeof file, "%s/file", root);
    snprintf(below, sizeof below, "%s/file/below", root);
    f = fopen(file, "w");
    fclose(f);
    cr_expect_null(store_open(file, &c, &e));
    cr_expect(strstr(e.msg, "cache.path") && strstr(e.msg, file), "%s", e.msg);
    cr_expect_null(store_open(below, &c, &e));
    cr_expect(strstr(e.msg, "cache.path"), "%s", e.msg);
    cr_expect_null(store_open("/proc/nowhere", &c, &e));
    cr_expect(strstr(e.msg, "cache.path"), "%s", e.msg);
    cr_expect_null(store_open_readonly(below, &c, &e));
    cr_expect(strstr(e.msg, "no store"), "%s", e.msg);
    fixture_remove(root);
}
