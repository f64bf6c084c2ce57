/*
 * fuzz_convert: the first byte chooses two formats and whether losses are allowed, the rest is a line. Whatever it is, it is
 * refused with a reason, or becomes strict JSON. A request that became one of OpenAI's reads as such.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/convert/line.h"

static const char *const names[] = {"openai", "anthropic", "gemini", "cookbook"};

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check(const struct form *to, int rc, const struct buf *out, const struct err *e)
{
    struct json_object *root = NULL;

    if (rc < 0) {
        require(e->msg[0]);
        return;
    }
    require(json_parse_depth(out->data, out->len, 2 * JSON_DEPTH_MAX, &root, NULL) == 0);
    if (strcmp(to->name, "openai") == 0)
        require(json_get_str(root, "custom_id") &&
                (rc == LINE_RESULT || json_get_type(root, "body", json_type_object)));
    json_object_put(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct form *from = form_find(names[size ? data[0] & 3 : 0]);
    const struct form *to = form_find(names[size ? data[0] >> 2 & 3 : 0]);
    struct conversion c = {.losses = {.allowed = size && data[0] & 16}, .max_tokens = 9};
    struct buf out = BUF_INIT(1 << 22);
    struct err e = {0};
    int rc = 0;

    if (size < 2 || from == to)
        return 0;
    if (data[0] & 32)
        c.model = "m";
    require(conversion_open(&c, from, to, &e) == 0);
    rc = line_convert(&c, from, to, (const char *)data + 1, size - 1, &out, &e);
    check(to, rc, &out, &e);
    conversion_done(&c);
    buf_done(&out);
    return 0;
}
