/* log: quoting of logfmt values. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

Test(log, quote)
{
    static const struct {
        const char *value;
        const char *want;
    } rows[] = {
        {NULL, "\"\""},
        {"", "\"\""},
        {"plain", "plain"},
        {"topic-1/x", "topic-1/x"},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"line\nbreak", "\"line break\""},
        {"tab\there", "\"tab here\""},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        char out[64];

        cr_expect_str_eq(log_quote(rows[i].value, out, sizeof out), rows[i].want);
    }
}

Test(log, quote_is_bounded)
{
    char value[200];
    char out[16];

    memset(value, '"', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    cr_expect_lt(strlen(log_quote(value, out, sizeof out)), sizeof out);
    cr_expect_eq(out[strlen(out) - 1], '"', "still closed when it is cut");
}
