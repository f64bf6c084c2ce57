/* The bytes of the store's values: round trips, and nothing damaged is ever read. */
#include <criterion/criterion.h>

#include "io/store_codec.h"
#include "io/store_line.h"
#include "store_fixture.h"

static struct buf encoded(const struct completion *c)
{
    struct buf b = BUF_INIT(1 << 20);

    cr_assert_eq(codec_put_completion(&b, c), 0);
    return b;
}

Test(store_codec, completion_fields_survive)
{
    struct completion *c = fixture_completion("smart", "{\"x\":[1,2]}"), *back = NULL;
    struct buf b, again;
    int64_t created, expires;

    c->expires_wall_ms = 77;
    c->finish = FINISH_TOOL_CALLS;
    c->cost_usd = -1;
    b = encoded(c);
    cr_assert_eq(codec_get_completion(b.data, b.len, &back), 0);
    cr_expect_str_eq(back->body, c->body);
    cr_expect_eq(back->finish, c->finish);
    cr_expect_eq(back->cost_usd, -1);
    cr_expect_eq(memcmp(&back->usage, &c->usage, sizeof c->usage), 0);
    cr_expect_str_eq(back->provider, c->provider);
    cr_assert_eq(codec_completion_times(b.data, b.len, &created, &expires), 0);
    cr_expect(created == 1000 && expires == 77);
    again = encoded(back);
    cr_expect(again.len == b.len && memcmp(again.data, b.data, b.len) == 0);
    buf_done(&again);
    buf_done(&b);
    completion_unref(back);
    completion_unref(c);
}

Test(store_codec, cut_or_longer_or_changed_completions_are_refused)
{
    static const struct {
        size_t at;
        char byte;
    } changes[] = {{0, 0}, {0, 2}, {1, 'O'}, {2, FINISH_COUNT}, {3, 1}, {69, 127}};
    struct completion *c = fixture_completion("m", "{}"), *back = NULL;
    struct buf b = encoded(c);

    for (size_t n = 0; n < b.len; n++)
        cr_expect_eq(codec_get_completion(b.data, n, &back), -1, "cut at %zu", n);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        char *copy = mem_dup(b.data, b.len);

        copy[changes[i].at] = changes[i].byte;
        cr_expect_eq(codec_get_completion(copy, b.len, &back), -1, "row %zu", i);
        free(copy);
    }
    buf_char(&b, 0);
    cr_expect_eq(codec_get_completion(b.data, b.len, &back), -1);
    cr_expect_null(back);
    buf_done(&b);
    completion_unref(c);
}

Test(store_codec, outcomes)
{
    struct outcome_value v = {.ok = true,
                              .status = 429,
                              .wall_ms = 123456789012,
                              .reply = "re\0ply",
                              .reply_len = 6},
                         back;
    struct buf b = BUF_INIT(4096);
    int64_t wall = 0;

    memset(v.fingerprint, 'f', sizeof v.fingerprint);
    cr_assert_eq(codec_put_outcome(&b, &v), 0);
    cr_assert_eq(codec_get_outcome(b.data, b.len, &back), 0);
    cr_expect(back.ok && back.status == 429 && back.wall_ms == v.wall_ms && back.reply_len == 6);
    cr_expect_eq(memcmp(back.reply, v.reply, 6), 0);
    cr_expect_eq(memcmp(back.fingerprint, v.fingerprint, sizeof v.fingerprint), 0);
    cr_assert_eq(codec_outcome_time(b.data, b.len, &wall), 0);
    cr_expect_eq(wall, v.wall_ms);
    for (size_t n = 0; n < b.len; n++)
        cr_expect_eq(codec_get_outcome(b.data, n, &back), -1, "cut at %zu", n);
    b.data[2] = 2;
    cr_expect_eq(codec_get_outcome(b.data, b.len, &back), -1);
    buf_done(&b);
}

Test(store_codec, full_buffers_say_so)
{
    struct completion *c = fixture_completion("m", "{}");
    struct buf b = BUF_INIT(50);

    cr_expect_eq(codec_put_completion(&b, c), -1);
    buf_done(&b);
    completion_unref(c);
}

Test(store_line, comes_back_byte_for_byte)
{
    static const char *const bodies[] = {"{}",
                                         "{ \"a\" : 1.0, \"b\":\"\\u00e4\\n\xf0\x9f\x98\x80\" }\n"};
    static const double costs[] = {-1, 0, 0.1, 1e-9};

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        for (size_t k = 0; k < ARRAY_LEN(costs); k++) {
            struct completion *c = fixture_completion("a \"b\"", bodies[i]), *back = NULL;
            uint8_t key[SHA256_LEN], back_key[SHA256_LEN];
            struct buf line = BUF_INIT(65536), x, y;
            struct err e = {0};

            fixture_key(i, key);
            c->cost_usd = costs[k];
            cr_assert_eq(store_line_write(&line, key, c, true), 0);
            cr_assert_eq(store_line_read(line.data, line.len, back_key, &back, &e), 0, "%s", e.msg);
            cr_expect_eq(memcmp(key, back_key, sizeof key), 0);
            x = encoded(c);
            y = encoded(back);
            cr_expect(x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
            buf_done(&x);
            buf_done(&y);
            buf_done(&line);
            completion_unref(back);
            completion_unref(c);
        }
    }
}

#define HEX "00000000000000000000000000000000000000000000000000000000000000aF"
#define HEAD                                                                                       \
    "{\"key\":\"" HEX                                                                              \
    "\",\"model\":\"m\",\"provider\":\"p\",\"upstream_model\":\"u\",\"request_id\":\"r\""
#define TIMES ",\"created_ms\":1,\"expires_ms\":0"

Test(store_line, bad_lines_name_the_field)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"", ""},
        {"[]", "key"},
        {"{\"key\":\"12\"}", "key"},
        {"{\"key\":\"" HEX "\"}", "model"},
        {HEAD "}", "finish"},
        {HEAD ",\"finish\":\"length\"" TIMES ",\"body\":\"{}\"}", "finish"},
        {HEAD ",\"finish\":\"stop\",\"body\":\"{}\"}", "created_ms"},
        {HEAD ",\"finish\":\"stop\",\"created_ms\":1,\"body\":\"{}\"}", "expires_ms"},
        {HEAD ",\"finish\":\"stop\"" TIMES ",\"cost_usd\":-1,\"body\":\"{}\"}", "cost_usd"},
        {HEAD ",\"finish\":\"stop\"" TIMES "}", "body"},
        {HEAD ",\"finish\":\"stop\"" TIMES ",\"body\":\"{\"}", "body"},
        {HEAD ",\"finish\":\"stop\"" TIMES ",\"body\":{}}", "body"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct completion *c = NULL;
        uint8_t key[SHA256_LEN];
        struct err e = {0};

        cr_expect_eq(store_line_read(rows[i].line, strlen(rows[i].line), key, &c, &e), -1, "%zu",
                     i);
        cr_expect(strstr(e.msg, rows[i].says), "row %zu: %s", i, e.msg);
        cr_expect_null(c);
    }
}
