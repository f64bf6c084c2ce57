/* json: what the strict reader refuses, and the canonical form of RFC 8785. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define T(text) text, sizeof(text) - 1

static const struct {
    const char *text;
    size_t n;
    const char *message; /* a part of it; NULL: the text is good */
} checks[] = {
    {T("{}"), NULL},
    {T(" [ ] \r\n\t"), NULL},
    {T("null"), NULL},
    {T("-0"), NULL},
    {T("12"), NULL},
    {T("\"\""), NULL},
    {T("{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":1},{\"a\":1}]}"), NULL},
    {T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\""), NULL},
    {T("\"h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80 \x7f\""), NULL},
    {T("[0.5,-1e-7,1E+2,2e0,1e-9999]"), NULL},
    {T("[-9223372036854775808,18446744073709551615]"), NULL},
    {T("[0e999999]"), NULL},
    {T("[1.7976931348623157e308]"), NULL},
    {T(""), "byte 0: the text is empty"},
    {T("  "), "byte 2: the text is empty"},
    {T("\xef\xbb\xbf{}"), "byte order mark"},
    {T("{\"a\":1} x"), "byte 8: there is more text behind"},
    {T("{}{}"), "byte 2: there is more text"},
    {T("{\"a\":1,}"), "byte 7: expected a key in double quotes, found '}'"},
    {T("{'a':1}"), "byte 1: expected a key in double quotes, found '''"},
    {T("{a:1}"), "expected a key"},
    {T("{\"a\" 1}"), "byte 5: expected ':' behind the key, found '1'"},
    {T("{\"a\":}"), "byte 5: expected a value, found '}'"},
    {T("{\"a\":1"), "byte 6: the text ends where ',' or '}' should be"},
    {T("[1,]"), "byte 3: expected a value"},
    {T("[1 2]"), "expected ',' or ']'"},
    {T("["), "the text ends where a value should be"},
    {T("/* c */1"), "expected a value, found '/'"},
    {T("NaN"), "expected a value, found 'N'"},
    {T("-Infinity"), "expected a digit, found 'I'"},
    {T("True"), "expected a value"},
    {T("tru"), "true, false and null"},
    {T("nulL"), "true, false and null"},
    {T("+1"), "expected a value, found '+'"},
    {T("01"), "byte 0: a number must not begin with 0"},
    {T("-01"), "must not begin with 0"},
    {T("1."), "a digit behind the decimal point"},
    {T(".5"), "expected a value"},
    {T("1e"), "a digit in the exponent"},
    {T("1e+"), "a digit in the exponent"},
    {T("[1e309]"), "byte 1: the number is too large for a double"},
    {T("-1e99999999999999999999"), "too large for a double"},
    {T("18446744073709551616"), "does not fit into 64 bits"},
    {T("-9223372036854775809"), "does not fit into 64 bits"},
    {T("100000000000000000000000"), "does not fit into 64 bits"},
    {T("\"abc"), "byte 0: this string has no closing quote"},
    {T("\"abc\\"), "the text ends inside a string"},
    {T("\"abc\\\""), "no closing quote"},
    {T("\"\\x41\""), "byte 1: unknown escape"},
    {T("\"\\\0\""), "byte 1: unknown escape"},
    {T("\"\\u12\""), "four hexadecimal digits"},
    {T("\"\\u12g4\""), "four hexadecimal digits"},
    {T("\"a\nb\""), "byte 2: control character"},
    {T("\"12345678\x01\""), "byte 9: control character"},
    {T("\"a\0b\""), "byte 2: control character"},
    {T("\0"), "found byte 0x00"},
    {T("\"\\u0000\""), "\\u0000 is not accepted"},
    {T("{\"a\\u0000b\":1}"), "\\u0000 is not accepted"},
    {T("\"\\ud800\""), "lone surrogate"},
    {T("\"\\udc00\""), "lone surrogate"},
    {T("\"\\ud800\\ud800\""), "lone surrogate"},
    {T("\"\\ud83dx\""), "lone surrogate"},
    {T("\"\xff\""), "byte 1: the text is not valid UTF-8"},
    {T("\"\xc3\""), "not valid UTF-8"},
    {T("\"\xc0\x80\""), "not valid UTF-8"},
    {T("\"\xe0\x80\x80\""), "not valid UTF-8"},
    {T("\"\xed\xa0\x80\""), "not valid UTF-8"},
    {T("\"\xf4\x90\x80\x80\""), "not valid UTF-8"},
    {T("\"\xf0\x9f\x98\""), "not valid UTF-8"},
    {T("{\"a\":1,\"a\":2}"), "byte 7: the key \"a\" stands twice"},
    {T("{\"a\":1,\"\\u0061\":2}"), "byte 7: the key \"a\" stands twice"},
    {T("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"), "stands twice"},
    {T("{\"\\\"\":1,\"\\u0022\":2}"), "stands twice"},
    {T("{\"\":1,\"\":2}"), "stands twice"},
    {T("[{\"x\":{\"b\":[],\"b\":0}}]"), "the key \"b\" stands twice"},
    {T("{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"d\":0}"),
     "byte 55: the key \"d\" stands twice"},
};

Test(json, check)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(checks); i++) {
        CLEANUP_FREE char *exact = mem_grow(NULL, checks[i].n + 1, 1);
        struct err e = {0};
        int r = 0;

        memcpy(exact, checks[i].text, checks[i].n);
        r = json_check(exact, checks[i].n, JSON_DEPTH_MAX, &e);
        cr_expect_eq(r, checks[i].message ? -1 : 0, "%s: %s", checks[i].text, e.msg);
        if (checks[i].message)
            cr_expect(strstr(e.msg, checks[i].message), "%s: %s", checks[i].text, e.msg);
    }
}

static void nest(struct buf *b, int levels, const char *open, const char *inner, const char *close)
{
    int i = 0;

    buf_clear(b);
    for (i = 0; i < levels; i++)
        buf_str(b, open);
    buf_str(b, inner);
    for (i = 0; i < levels; i++)
        buf_str(b, close);
}

Test(json, depth)
{
    static const struct {
        const char *open;
        const char *inner;
        const char *close;
    } shapes[] = {{"[", "1", "]"}, {"{\"a\":", "{}", "}"}, {"[", "[]", "]"}};
    struct buf b = BUF_INIT(4096);
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(shapes); i++) {
        int extra = shapes[i].inner[0] != '1';
        struct err e = {0};
        struct json_object *o = NULL;

        nest(&b, JSON_DEPTH_MAX - extra, shapes[i].open, shapes[i].inner, shapes[i].close);
        cr_expect_eq(json_parse(b.data, b.len, &o, &e), 0, "%s: %s", b.data, e.msg);
        json_object_put(o);
        o = NULL;
        nest(&b, JSON_DEPTH_MAX + 1 - extra, shapes[i].open, shapes[i].inner, shapes[i].close);
        cr_expect_eq(json_parse(b.data, b.len, &o, &e), -1);
        cr_expect(strstr(e.msg, "nested deeper than 48 levels"), "%s", e.msg);
        cr_expect_null(o);
    }
    nest(&b, 1500, "[", "", "]");
    cr_expect_eq(json_check(b.data, b.len, 100000, NULL), -1, "the recursion is bounded");
    buf_done(&b);
}

Test(json, many_keys, .timeout = 60)
{
    struct buf b = BUF_INIT(64U << 20);
    struct err e = {0};
    int i = 0;

    buf_char(&b, '{');
    for (i = 0; i < 300000; i++)
        buf_printf(&b, "\"k\\u0031%d\":0,", i);
    cr_expect_eq(buf_str(&b, "\"k142\":1}"), 0);
    cr_expect_eq(json_check(b.data, b.len, 48, &e), -1);
    cr_expect(strstr(e.msg, "the key \"k142\" stands twice"), "%s", e.msg);
    buf_done(&b);
}

Test(json, long_key_in_message_is_cut_between_characters)
{
    struct buf b = BUF_INIT(4096);
    struct err e = {0};
    int i = 0;

    buf_str(&b, "{\"x");
    for (i = 0; i < 50; i++)
        buf_str(&b, "\xe2\x82\xac");
    buf_str(&b, "\":1,\"x");
    for (i = 0; i < 50; i++)
        buf_str(&b, "\xe2\x82\xac");
    buf_str(&b, "\":1}");
    cr_expect_eq(json_check(b.data, b.len, 48, &e), -1);
    cr_expect(strstr(e.msg, "\xe2\x82\xac\" stands twice"), "%s", e.msg);
    buf_done(&b);
}

static const struct {
    const char *text;
    const char *canonical;
} forms[] = {
    {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
    {" [ 1 , true , false , null , \"x\" ] ", "[1,true,false,null,\"x\"]"},
    {"[1.0,1,1e0,10e-1]", "[1,1,1,1]"},
    {"[0,-0,0.0,-0.0,0e5]", "[0,0,0,0,0]"},
    {"[9007199254740993,-9223372036854775808,18446744073709551615,9223372036854775807]",
     "[9007199254740993,-9223372036854775808,18446744073709551615,9223372036854775807]"},
    {"\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"",
     "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\""},
    {"\"\\b\\f\\t\\r\\u001f\\u007f\"", "\"\\b\\f\\t\\r\\u001f\x7f\""},
    /* The numbers of RFC 8785 appendix B, and of section 3.2.2. */
    {"[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001]",
     "[333333333.3333333,1e+30,4.5,0.002,1e-27]"},
    {"[5e-324,-5e-324,1.7976931348623157e308,-1.7976931348623157e308]",
     "[5e-324,-5e-324,1.7976931348623157e+308,-1.7976931348623157e+308]"},
    {"[9007199254740992.0,-9007199254740992.0,295147905179352830000.0]",
     "[9007199254740992,-9007199254740992,295147905179352830000]"},
    {"[9.999999999999997e22,1e23,1.0000000000000001e23]",
     "[9.999999999999997e+22,1e+23,1.0000000000000001e+23]"},
    {"[999999999999999700000.0,999999999999999900000.0,1e21]",
     "[999999999999999700000,999999999999999900000,1e+21]"},
    {"[9.999999999999997e-7,0.000001,0.0000001]", "[9.999999999999997e-7,0.000001,1e-7]"},
    {"[333333333.3333332,333333333.33333325,333333333.3333333,333333333.3333334]",
     "[333333333.3333332,333333333.33333325,333333333.3333333,333333333.3333334]"},
    {"[-0.0000033333333333333333,1424953923781206.2]",
     "[-0.0000033333333333333333,1424953923781206.2]"},
    /* 2^-44: the nearest 16 digits do not read back, the next ones do. */
    {"[5.6843418860808015e-14]", "[5.684341886080802e-14]"},
    {"[0.1,0.2,0.30000000000000004,2.5,100.25,123e-20]",
     "[0.1,0.2,0.30000000000000004,2.5,100.25,1.23e-18]"},
    {"[2.2250738585072014e-308,2.225073858507201e-308]",
     "[2.2250738585072014e-308,2.225073858507201e-308]"},
    /* RFC 8785 section 3.2.3: by UTF-16 code units, so the emoji comes before U+FB33. */
    {"{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,"
     "\"\\u00f6\":7}",
     "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,"
     "\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}"},
    {"{\"aa\":1,\"a\":2,\"\":3,\"A\":4}", "{\"\":3,\"A\":4,\"a\":2,\"aa\":1}"},
    {"{}", "{}"},
    {"[[],{}]", "[[],{}]"},
    {"null", "null"},
    {"12", "12"},
};

Test(json, canonical)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(forms); i++) {
        CLEANUP_JSON struct json_object *o = NULL;
        struct buf b = BUF_INIT(1 << 16);
        struct err e = {0};

        cr_assert_eq(json_parse(forms[i].text, strlen(forms[i].text), &o, &e), 0, "%s: %s",
                     forms[i].text, e.msg);
        cr_expect_eq(json_canonical(o, &b), 0);
        cr_expect_str_eq(b.data, forms[i].canonical);
        buf_done(&b);
    }
}

Test(json, canonical_of_many_keys)
{
    CLEANUP_JSON struct json_object *o = json_object_new_object();
    struct buf b = BUF_INIT(1 << 16);
    char name[8];
    int i = 0;

    for (i = 99; i >= 10; i--) {
        snprintf(name, sizeof name, "%d", i);
        json_object_object_add(o, name, json_object_new_int(i));
    }
    cr_expect_eq(json_canonical(o, &b), 0);
    cr_expect_eq(strncmp(b.data, "{\"10\":10,\"11\":11,", 17), 0);
    cr_expect_str_eq(b.data + b.len - 8, "\"99\":99}");
    buf_done(&b);
}

Test(json, canonical_doubles_read_back)
{
    uint64_t bits = 1;
    int i = 0;

    for (i = 0; i < 20000; i++) {
        struct json_object *o = NULL;
        struct buf b = BUF_INIT(64);
        double v = 0;

        bits = bits * 6364136223846793005ULL + 1442695040888963407ULL;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        o = json_object_new_double(v);
        cr_assert_eq(json_canonical(o, &b), 0);
        cr_assert_eq(strtod(b.data, NULL), v, "%a as %s", v, b.data);
        json_object_put(o);
        buf_done(&b);
    }
}

Test(json, full_output_is_an_error)
{
    CLEANUP_JSON struct json_object *o = NULL;
    size_t max = 0;
    const char text[] = "{\"a\":[1.5,\"xyz\",{\"b\":null}]}";

    cr_assert_eq(json_parse(text, sizeof text - 1, &o, NULL), 0);
    for (max = 0; max < sizeof text - 1; max++) {
        struct buf b = BUF_INIT(max);

        cr_expect_eq(json_canonical(o, &b), -1, "%zu", max);
        cr_expect_leq(b.len, max);
        buf_clear(&b);
        buf_str(&b, "=");
        cr_expect_eq(json_write(o, &b), -1);
        cr_expect_eq(b.len, max > 0, "all or nothing is written");
        buf_done(&b);
    }
}

Test(json, answer_is_lenient_but_whole)
{
    static const struct {
        const char *text;
        int r;
    } rows[] = {
        {"{\"a\":1,\"a\":2}", 0},
        {"{\"a\":\"\\ud800\"}", 0},
        {"{\"a\":\"x\\u0000y\"}", 0},
        {"[123456789012345678901234567890,1e999]", 0},
        {"{\"a\":1", -1},
        {"<html>", -1},
        {"{\"a\":\"\xff\"}", -1},
        {"{}x", -1},
        {"", -1},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_JSON struct json_object *o = NULL;

        cr_expect_eq(json_parse_answer(rows[i].text, strlen(rows[i].text), &o), rows[i].r, "%s",
                     rows[i].text);
        if (i == 0)
            cr_expect_eq(json_get_int(o, "a", 0), 2);
    }
}

Test(json, writes_what_json_c_writes)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "[{},[],[[]],{\"a\":{}}]",
        "{\"b\":1,\"a\":[true,false,null],\"\":\"\",\"a/\\\"\\\\\\n\":{\"z\":\"/\"}}",
        "[0,-1,9223372036854775807,-9223372036854775808,18446744073709551615]",
        "[0.0,-0.0,1.50,1e5,1E-7,0.1,1e999,123456789012345678901234567890]",
        "[\"\\u0000\\u0001\\u001f\\b\\f\\n\\r\\t\\u007f\\/\\u00e9\\u20ac\\ud83d\\ude00\\ud800\"]",
        "\"a string that is longer than eight bytes, \\\"quoted\\\", Ã©â¬, and so on\"",
        "7",
        "null",
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP_JSON struct json_object *o = NULL;
        CLEANUP(buf_done) struct buf b = BUF_INIT(1000);

        cr_assert_eq(json_parse_answer(texts[i], strlen(texts[i]), &o), 0, "%s", texts[i]);
        buf_str(&b, "=");
        cr_assert_eq(json_write(o, &b), 0);
        cr_expect_str_eq(b.data + 1,
                         json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                               JSON_C_TO_STRING_NOSLASHESCAPE));
    }
}

Test(json, write_and_get)
{
    CLEANUP_JSON struct json_object *o = NULL;
    struct buf b = BUF_INIT(256);
    const char text[] =
        "{\"s\":\"a/b\",\"i\":7,\"d\":8.0,\"x\":8.5,\"h\":1e300,\"t\":true,\"n\":null}";

    cr_assert_eq(json_parse(text, sizeof text - 1, &o, NULL), 0);
    cr_expect_eq(json_write(o, &b), 0);
    cr_expect_str_eq(b.data, text, "slashes stay, doubles keep their form");
    cr_expect_str_eq(json_get_str(o, "s"), "a/b");
    cr_expect_null(json_get_str(o, "i"));
    cr_expect_eq(json_get_int(o, "i", 0), 7);
    cr_expect_eq(json_get_int(o, "d", 0), 8, "integral doubles are integers");
    cr_expect_eq(json_get_int(o, "x", -1), -1);
    cr_expect_eq(json_get_int(o, "h", -1), -1);
    cr_expect_eq(json_get_int(o, "s", -1), -1);
    cr_expect(json_get_bool(o, "t", false));
    cr_expect(json_get_bool(o, "missing", true));
    cr_expect_null(json_get(o, "n"));
    cr_expect_null(json_get(NULL, "n"));
    cr_expect_null(json_get_type(o, "s", json_type_int));
    buf_clear(&b);
    cr_expect_eq(json_write(NULL, &b), 0);
    cr_expect_str_eq(b.data, "null");
    buf_done(&b);
}

/* json-c's own parser, which reads some things more loosely, but makes the same of what json_parse_answer() takes. */
static struct json_object *by_json_c(const char *text)
{
    struct json_tokener *tok = json_tokener_new_ex(70);
    struct json_object *o = json_tokener_parse_ex(tok, text, (int)strlen(text) + 1);

    cr_expect_eq(json_tokener_get_error(tok), json_tokener_success, "%s", text);
    json_tokener_free(tok);
    return o;
}

static void expect_same(const char *text)
{
    CLEANUP_JSON struct json_object *theirs = by_json_c(text);
    CLEANUP_JSON struct json_object *ours = NULL;
    const char *a = NULL;
    const char *b = NULL;

    cr_assert_eq(json_parse_answer(text, strlen(text), &ours), 0, "%s", text);
    cr_expect(json_object_equal(ours, theirs), "%s", text);
    a = json_object_to_json_string_ext(ours, JSON_C_TO_STRING_PLAIN);
    b = json_object_to_json_string_ext(theirs, JSON_C_TO_STRING_PLAIN);
    cr_expect_str_eq(a, b);
}

Test(json, values_are_those_that_json_c_would_make)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "[]",
        "{}",
        "\"\"",
        "0",
        "-0",
        "7",
        "-7",
        /* integers: json-c knows signed and unsigned ones, and stays at the nearest beyond */
        "[999999999999999999,-999999999999999999,1000000000000000000,-1000000000000000000]",
        "[9223372036854775807,9223372036854775808,-9223372036854775808,-9223372036854775809]",
        "[18446744073709551615,18446744073709551616,123456789012345678901234567890]",
        /* doubles are written as they were spelled */
        "[0.0,-0.0,1.0,1.50,1e5,1E+5,1e-7,12345678901234567890.125,1e999,-1e999,1e-999]",
        /* strings */
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"",
        "[\"a\\u0000b\",\"\\ud800\",\"\\ud800x\",\"\\udc00\",\"\\ud800\\ud800\",\"\\ud800\\n\"]",
        "\"plain text that is longer than eight bytes, then \\n an escape, then plain again\"",
        "[\"\xe2\x82\xac and \xf0\x9f\x98\x80\",\"\x7f\"]",
        /* objects: the last of two keys wins, at the place of the first */
        "{\"a\":1,\"b\":2,\"a\":{\"c\":[]}}",
        "{\"\":0,\"\\u0061\":1,\"a\\\"b\":2}",
        "{\"a key of more than sixty-four bytes, which is longer than the room for short "
        "ones\":{}}",
        "{\"\\u006b\":\"\\u0076\",\"\\u006c\":{\"\\u006d\":\"\\u006e\"}}",
        /* lists of more than json-c gives room at first */
        "[1,2,3,[4,5,[6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,"
        "32,33,34,35]]]",
        " {\t\"spaced\" :\n[ 1 ,\r{ } , [ ] ] } ",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        expect_same(texts[i]);
}

/* Whatever is made before a text turns out to be bad is given back: the sanitizers look. */
Test(json, nothing_is_left_of_a_bad_text)
{
    static const char text[] = "{\"a\":[1,2.5,{\"b\\n\":\"c\\n\"}],\"d\":{\"e\":[[\"f\"]]}}";

    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct json_object *o = NULL;

        cr_expect_eq(json_parse(text, n, &o, NULL), -1);
        cr_expect_null(o);
    }
}
