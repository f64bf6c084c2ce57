/* base64: the examples of RFC 4648, pieces that meet without padding, and the maximum. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

Test(base64, examples)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT(64);

        buf_char(&out, '"');
        cr_assert_eq(base64_put(&out, rows[i][0], strlen(rows[i][0])), 0);
        buf_char(&out, '"');
        cr_expect_eq(out.len, strlen(rows[i][1]) + 2);
        cr_expect_eq(strncmp(out.data + 1, rows[i][1], strlen(rows[i][1])), 0, "%s", out.data);
        buf_done(&out);
    }
}

Test(base64, large)
{
    size_t n = ((size_t)3 << 20) * 2 + 1;
    char *zeros CLEANUP_FREE = mem_alloc(n);
    struct buf out = BUF_INIT(n * 2);

    cr_assert_eq(base64_put(&out, zeros, n), 0);
    cr_expect_eq(out.len, (n + 2) / 3 * 4);
    cr_expect_eq(strspn(out.data, "A"), out.len - 2, "padding at the end only");
    buf_done(&out);
}

Test(base64, is_refused_whole_when_there_is_no_room)
{
    struct buf out = BUF_INIT(7);

    cr_expect_eq(base64_put(&out, "foobar", 6), -1);
    cr_expect_eq(out.len, 0);
    buf_done(&out);
}
