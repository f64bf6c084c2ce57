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
        {"\x1b[2J", "\" [2J\""},
        {"\xc2\x9b"
         "2J\x7f",
         "\"??2J?\""},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"1\xe2\x82\xac", "\"1\xe2\x82\xac\""},
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

Test(log, levels)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        cr_expect_eq(log_level_named(names[i]), i);
        cr_expect_str_eq(log_level_name((enum log_level)i), names[i]);
        log_set_level((enum log_level)i);
        cr_expect_eq(log_level(), (enum log_level)i);
        for (int k = LOG_DEBUG; k <= LOG_ERROR; k++)
            cr_expect_eq(log_wants((enum log_level)k), k >= i);
    }
    cr_expect_eq(log_level_named("loud"), -1);
    cr_expect_eq(log_level_named(""), -1);
}
