/* buf: growth up to the maximum and not a byte beyond. */
#include <criterion/criterion.h>

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

Test(buf, grows_to_its_maximum)
{
    struct buf b = BUF_INIT(1000);
    size_t i = 0;

    cr_expect_null(b.data);
    for (i = 0; i < 1000; i++)
        cr_assert_eq(buf_char(&b, 'x'), 0);
    cr_expect_eq(b.len, 1000);
    cr_expect_not(b.over);
    cr_expect_eq(buf_char(&b, 'y'), -1);
    cr_expect(b.over);
    cr_expect_eq(b.len, 1000, "a refused append changes nothing");
    cr_expect_eq(strlen(b.data), 1000);
    buf_clear(&b);
    cr_expect_not(b.over);
    cr_expect_str_eq(b.data, "");
    buf_done(&b);
    cr_expect_null(b.data);
    cr_expect_eq(buf_str(&b, "again"), 0, "usable after done, with the same maximum");
    cr_expect_eq(b.max, 1000);
    buf_done(&b);
}

Test(buf, refuses_without_overflow)
{
    struct buf b = BUF_INIT(10);

    cr_expect_eq(buf_reserve(&b, SIZE_MAX), -1);
    cr_expect_eq(buf_append(&b, "12345678901", 11), -1);
    cr_expect_eq(buf_append(&b, "1234567890", 10), 0);
    cr_expect_eq(buf_reserve(&b, 0), 0);
    cr_expect_eq(buf_reserve(&b, 1), -1);
    buf_done(&b);
    b = BUF_INIT(0);
    cr_expect_eq(buf_append(&b, NULL, 0), 0);
    cr_expect_str_eq(b.data, "");
    buf_done(&b);
}

Test(buf, printf)
{
    struct buf b = BUF_INIT(700);
    char word[301];

    memset(word, 'w', 300);
    word[300] = '\0';
    cr_expect_eq(buf_printf(&b, "%d-%s", 7, "x"), 0);
    cr_expect_str_eq(b.data, "7-x");
    cr_expect_eq(buf_printf(&b, "%s", word), 0, "longer than its local buffer");
    cr_expect_eq(b.len, 303);
    cr_expect_eq(buf_printf(&b, "%s%s", word, word), -1);
    cr_expect_eq(b.len, 303);
    buf_done(&b);
}

Test(buf, json_str)
{
    static const struct {
        const char *in;
        size_t n;
        const char *out;
    } rows[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", 3, "\"\\u0001\\u001f\x7f\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\""},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = BUF_INIT(100);

        cr_expect_eq(buf_json_str(&b, rows[i].in, rows[i].n), 0);
        cr_expect_str_eq(b.data, rows[i].out);
        buf_done(&b);
        b = BUF_INIT(strlen(rows[i].out) - 1);
        cr_expect_eq(buf_json_str(&b, rows[i].in, rows[i].n), -1, "%zu: one byte short", i);
        buf_done(&b);
    }
}

/* Bytes are looked at eight at a time where there are so many: none may hide among its neighbours. */
Test(buf, json_str_finds_each_byte_at_each_place)
{
    char text[26];
    struct buf b, alone;

    buf_init(&b, 100);
    buf_init(&alone, 100);
    for (size_t at = 0; at < sizeof text; at++) {
        for (int c = 0; c < 256; c++) {
            char byte = (char)c;

            memset(text, at % 2 ? 'a' : 0xe9, sizeof text);
            text[at] = byte;
            buf_clear(&b);
            buf_clear(&alone);
            cr_assert_eq(buf_json_str(&b, text, sizeof text), 0);
            cr_assert_eq(buf_json_str(&alone, &byte, 1), 0);
            cr_assert_eq(b.len, sizeof text - 1 + alone.len, "byte %d at %zu", c, at);
            cr_assert_eq(memcmp(b.data + 1 + at, alone.data + 1, alone.len - 2), 0,
                         "byte %d at %zu", c, at);
        }
    }
    buf_done(&b);
    buf_done(&alone);
}

Test(buf, steal)
{
    struct buf b = BUF_INIT(10);
    size_t n = 99;
    char *s = buf_steal(&b, &n);

    cr_expect_str_eq(s, "", "never NULL");
    cr_expect_eq(n, 0);
    free(s);
    buf_str(&b, "abc");
    s = buf_steal(&b, &n);
    cr_expect_str_eq(s, "abc");
    cr_expect_eq(n, 3);
    cr_expect_null(b.data);
    cr_expect_eq(b.max, 10);
    free(s);
}
