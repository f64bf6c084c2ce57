/*
 * fuzz_json: whatever bytes come, json_check() stays inside them; what it accepts json-c parses;
 * the canonical form is one (accepted, and the same when it is made again).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define OUT_MAX (16U << 20)

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_canonical(struct json_object *o)
{
    CLEANUP_JSON struct json_object *again = NULL;
    struct buf first = BUF_INIT(OUT_MAX);
    struct buf second = BUF_INIT(OUT_MAX);
    struct err e = {0};

    require(json_canonical(o, &first) == 0);
    if (json_parse(first.data, first.len, &again, &e) == 0) {
        require(json_canonical(again, &second) == 0);
        require(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    } else {
        /* RFC 8785 writes doubles from 2^64 to 10^21 without a point: integers that we do not take.
         */
        require(strstr(e.msg, "does not fit into 64 bits") != NULL);
    }
    buf_done(&first);
    buf_done(&second);
}

static void check_written(struct json_object *o)
{
    CLEANUP_JSON struct json_object *again = NULL;
    struct buf text = BUF_INIT(OUT_MAX);

    require(json_write(o, &text) == 0);
    require(json_parse(text.data, text.len, &again, NULL) == 0);
    require(json_object_equal(o, again));
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_JSON struct json_object *strict = NULL;
    CLEANUP_JSON struct json_object *lenient = NULL;
    /* An exact copy, so that a read behind the end is seen. */
    CLEANUP_FREE char *text = mem_grow(NULL, size ? size : 1, 1);
    struct err e = {0};
    int good = 0;

    if (size)
        memcpy(text, data, size);
    good = json_check(text, size, JSON_DEPTH_MAX, &e) == 0;
    require(good || e.msg[0]);
    require(good == (json_parse(text, size, &strict, &e) == 0));
    if (good) {
        require(utf8_valid(text, size));
        require(json_parse_answer(text, size, &lenient) == 0);
        check_canonical(strict);
        check_written(strict);
    } else {
        json_parse_answer(text, size, &lenient);
    }
    return 0;
}
