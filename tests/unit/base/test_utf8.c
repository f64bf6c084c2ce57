/* utf8: a text from outside cannot steer a terminal. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

Test(utf8, what_a_terminal_would_act_on_becomes_a_question_mark)
{
    static const struct {
        const char *text, *plain;
    } rows[] = {
        {"", ""},
        {"a b~", "a b~"},
        {"\x1b[2J\x1b]0;t\x07", "?[2J?]0;t?"},
        {"a\nb\tc\x7f", "a?b?c?"},
        {"\xc2\x9b"
         "2J \xc2\x80\xc2\x9f",
         "??2J ????"}, /* U+009B is ESC [ */
        {"\xe2\x80\xae"
         "gnp \xe2\x81\xa6.",
         "???gnp ???."}, /* turned round */
        {"\xc2\xa0\xc3\xa9\xe2\x80\xa6\xe2\x82\xac\xf0\x9f\x98\x80",
         "\xc2\xa0\xc3\xa9\xe2\x80\xa6\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"cut \xc2", "cut \xc2"},
        {"cut \xe2\x80", "cut \xe2\x80"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char copy[64];

        snprintf(copy, sizeof copy, "%s", rows[i].text);
        cr_expect_str_eq(utf8_plain(copy), rows[i].plain, "row %zu", i);
    }
}

Test(utf8, a_bad_byte_is_found_wherever_it_stands)
{
    for (size_t n = 1; n < 40; n++) {
        for (size_t bad = 0; bad <= n; bad++) {
            char text[41];

            memset(text, 'a', n);
            text[bad] = bad < n ? '\xff' : '\0';
            cr_expect_eq(utf8_valid(text, n), bad == n, "%zu of %zu", bad, n);
            cr_expect_eq(utf8_prefix(text, n), bad, "%zu of %zu", bad, n);
        }
    }
}
