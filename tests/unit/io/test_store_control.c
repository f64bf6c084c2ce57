/* The control socket: another process removes and imports through the store that is open. */
#include <criterion/criterion.h>

#include <sys/stat.h>

#include "io/store_control.h"
#include "io/store_int.h"
#include "io/store_line.h"
#include "io/store_socket.h"
#include "store_fixture.h"

static struct config config;
static char *root, *dir;
static struct store *store;

static void open_at(const char *path)
{
    dir = mem_strdup(path);
    store = fixture_open(dir, &config);
}

static void setup(void)
{
    config = fixture_config();
    root = fixture_dir();
    open_at(root);
}

static void teardown(void)
{
    store_free(store);
    fixture_remove(root);
    free(dir);
}

static void put(uint64_t i, const char *model, int64_t expires)
{
    struct completion *c = fixture_completion(model, "{}");

    c->expires_wall_ms = expires;
    fixture_put_at(store, i, c);
}

static bool has(uint64_t i)
{
    return fixture_has_at(store, i);
}

/* The count of the answer, or -1. */
static int64_t call(struct control_client *c, const char *line, struct err *e)
{
    uint64_t count = 0;

    if (control_call(c, line, strlen(line), &count, e) < 0)
        return -1;
    return (int64_t)count;
}

TestSuite(store_control, .init = setup, .fini = teardown, .timeout = 60);

Test(store_control, removes_by_key_model_expiry_and_all)
{
    struct err e = {0};
    struct control_client *c = control_connect(dir, &e);
    uint8_t key[SHA256_LEN];
    char hex[65], line[200];

    cr_assert_not_null(c, "%s", e.msg);
    for (uint64_t i = 0; i < 12; i++)
        put(i, i < 4 ? "fast" : "smart", i == 9 || i == 10 ? 5 : 0);
    fixture_key(0, key);
    sha256_hex(key, hex);
    snprintf(line, sizeof line, "{\"op\":\"rm\",\"key\":\"%s\"}", hex);
    cr_expect_eq(call(c, line, &e), 1, "%s", e.msg);
    cr_expect_eq(call(c, line, &e), 0);
    cr_expect(!has(0) && has(1));
    cr_expect_eq(call(c, "{\"op\":\"rm\",\"model\":\"fast\"}", &e), 3, "%s", e.msg);
    cr_expect(!has(1) && has(4));
    cr_expect_eq(call(c, "{\"op\":\"rm\",\"expired\":true}", &e), 2, "%s", e.msg);
    cr_expect(!has(9) && has(11));
    cr_expect_eq(call(c, "{\"op\":\"rm\",\"all\":true}", &e), 6, "%s", e.msg);
    cr_expect(!has(11));
    control_close(c);
}

Test(store_control, imports_what_export_wrote)
{
    struct completion *c = fixture_completion("fast", "{\"a\":\"line\\nline\"}"), *back = NULL;
    struct buf line = BUF_INIT(65536);
    struct err e = {0};
    struct control_client *client = control_connect(dir, &e);
    uint8_t key[SHA256_LEN];

    fixture_key(5, key);
    buf_str(&line, "{\"op\":\"import\",\"completion\":");
    store_line_write(&line, key, c, true);
    buf_char(&line, '}');
    cr_assert_eq(call(client, line.data, &e), 1, "%s", e.msg);
    cr_assert_eq(store_get_completion(store, key, 0, &back, NULL), STORE_FOUND);
    cr_expect_str_eq(back->body, c->body);
    cr_expect_eq(back->cost_usd, c->cost_usd);
    completion_unref(back);
    completion_unref(c);
    buf_done(&line);
    control_close(client);
}

Test(store_control, bad_requests_get_an_error_and_the_next_one_works)
{
    static const char *const rows[] = {
        "x",
        "{}",
        "{\"op\":\"drop\"}",
        "{\"op\":\"rm\"}",
        "{\"op\":\"rm\",\"key\":\"12\"}",
        "{\"op\":\"rm\",\"all\":true,\"expired\":true}",
        "{\"op\":\"import\"}",
        "{\"op\":\"import\",\"completion\":{}}",
    };
    struct err e = {0};
    struct control_client *c = control_connect(dir, &e);

    put(1, "fast", 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        e = (struct err){0};
        cr_expect_eq(call(c, rows[i], &e), -1, "%s", rows[i]);
        cr_expect(e.msg[0]);
    }
    cr_expect(has(1));
    cr_expect_eq(call(c, "{\"op\":\"rm\",\"all\":true}", &e), 1);
    control_close(c);
}

Test(store_control, socket_is_for_the_owner_only_and_goes_with_the_store)
{
    char path[200];
    struct stat st;
    struct err e = {0};

    snprintf(path, sizeof path, "%s/%s", dir, SOCKET_NAME);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    store = store_free(store);
    cr_expect_neq(stat(path, &st), 0);
    cr_expect_null(control_connect(dir, &e));
    cr_expect(e.msg[0]);
}

Test(store_control, closing_is_not_held_up_by_a_silent_client)
{
    struct err e = {0};
    struct control_client *c = control_connect(dir, &e);

    cr_expect_eq(call(c, "{\"op\":\"rm\",\"all\":true}", &e), 0);
    store = store_free(store);
    cr_expect_eq(call(c, "{\"op\":\"rm\",\"all\":true}", &e), -1);
    control_close(c);
}

Test(store_control, long_paths_work)
{
    char path[400];
    struct err e = {0};
    struct control_client *c;

    store_free(store);
    free(dir);
    snprintf(path, sizeof path, "%s/%0150d", root, 1);
    open_at(path);
    c = control_connect(dir, &e);
    cr_assert_not_null(c, "%s", e.msg);
    cr_expect_eq(call(c, "{\"op\":\"rm\",\"all\":true}", &e), 0, "%s", e.msg);
    control_close(c);
}
