/* digits: integers as text. */
#include <criterion/criterion.h>

#include "base/digits.h"
#include "base/mem.h"

Test(digits, text)
{
    static const struct {
        int64_t v;
        const char *text;
    } rows[] = {
        {0, "0"},
        {7, "7"},
        {10, "10"},
        {99, "99"},
        {100, "100"},
        {101, "101"},
        {1009, "1009"},
        {-1, "-1"},
        {-120, "-120"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    char out[DIGITS_ROOM];
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(digits_of(rows[i].v, out), rows[i].text);
}
