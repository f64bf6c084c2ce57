/* text: the words of an answer; see text.h. Pure; the JSON around them is the dialects' work. */
#include "cmd/sim/text.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/hash.h"
#include "cmd/sim/schema.h"

#define LOREM_MAX 1000000 /* tokens */

static int parse_tokens(const char *text, int64_t *ret_low, int64_t *ret_high)
{
    char *end = NULL;
    long low = strtol(text, &end, 10), high = low;

    if (end == text)
        return -1;
    if (strncmp(end, "..", 2) == 0) {
        const char *second = end + 2;

        high = strtol(second, &end, 10);
        if (end == second)
            return -1;
    }
    if (*end || low < 1 || high < low || high > LOREM_MAX)
        return -1;
    *ret_low = low;
    *ret_high = high;
    return 0;
}

int sim_voice_init(struct sim_voice *v, const char *answer, const char *fixed, int64_t echo_max,
                   const char *tokens, struct err *e)
{
    static const char *const names[] = {"echo", "text", "lorem"};
    size_t i = 0;

    answer = answer ? answer : names[0];
    while (i < ARRAY_LEN(names) && strcmp(names[i], answer) != 0)
        i++;
    if (i == ARRAY_LEN(names))
        return err_set(e, EX_USAGE, "--answer %s: choose echo, text or lorem", answer);
    *v = (struct sim_voice){.kind = (enum sim_text_kind)i, .echo_max = (size_t)echo_max};
    if (parse_tokens(tokens ? tokens : "64", &v->low, &v->high) < 0)
        return err_set(e, EX_USAGE, "--output-tokens %s: write a number or a range, 20..200",
                       tokens);
    v->fixed = mem_strdup(fixed ? fixed : "This is a simulated answer.");
    return 0;
}

void sim_voice_done(struct sim_voice *v)
{
    free(v->fixed);
    *v = (struct sim_voice){0};
}

size_t sim_text_cut(const char *text, size_t len, size_t n)
{
    if (n >= len)
        return len;
    while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

void sim_text_tokens(struct buf *b, const struct sim_ask *a, const struct buf *text,
                     void (*write)(struct buf *b, const char *token, size_t n, double logprob))
{
    struct rng r = {.state = a->digest};

    buf_char(b, '[');
    for (size_t at = 0; at < text->len;) {
        size_t n = sim_text_cut(text->data + at, text->len - at, 4);

        buf_str(b, at ? "," : "");
        write(b, text->data + at, n, -3 * rng_unit(&r));
        at += n;
    }
    buf_char(b, ']');
}

static void lorem(const struct sim_voice *v, struct rng *r, struct buf *out)
{
    static const char *const words[] = {"lorem ", "ipsum ", "dolor",   " sit ", "amet, ", "velit ",
                                        "elit ",  "sed. ",  "tempor ", "quis ", "nisi "};
    int64_t tokens = v->low + (int64_t)rng_below(r, (uint64_t)(v->high - v->low + 1));
    size_t want = out->len + (size_t)tokens * 4;

    while (out->len < want)
        if (buf_str(out, words[rng_below(r, ARRAY_LEN(words))]) < 0)
            return;
    out->len = want;
    out->data[want] = 0;
}

static void say(const struct sim_voice *v, const struct sim_ask *a, struct rng *r, struct buf *out)
{
    switch (v->kind) {
    case SIM_TEXT_ECHO:
        buf_str(out, "echo: ");
        buf_append(out, a->text, sim_text_cut(a->text, a->text_len, v->echo_max));
        break;
    case SIM_TEXT_FIXED:
        buf_str(out, v->fixed);
        break;
    case SIM_TEXT_LOREM:
        lorem(v, r, out);
        break;
    }
}

/* Google's, of its generationConfig. */
static struct json_object *google_schema(struct json_object *config, bool *ret_json)
{
    const char *type = json_get_str(config, "responseMimeType");

    *ret_json = type && strcmp(type, "application/json") == 0;
    return *ret_json ? json_get(config, "responseJsonSchema") : NULL;
}

/*
 * The schema that the request wants its answer in: OpenAI's response_format, in which Cohere puts the bare
 * schema, text.format of the Responses API, Anthropic's output_config.format, or Ollama's format, a schema
 * or the word "json". *ret_json is also set for a JSON answer without a schema.
 */
static struct json_object *wanted_schema(const struct sim_ask *a, bool *ret_json)
{
    struct json_object *format = json_get(a->body, "response_format");
    struct json_object *bare = json_get(a->body, "format");
    const char *type = NULL;

    if (json_get(a->body, "generationConfig"))
        return google_schema(json_get(a->body, "generationConfig"), ret_json);
    if (!format)
        format = json_get(json_get(a->body, "text"), "format");
    if (!format)
        format = json_get(json_get(a->body, "output_config"), "format");
    type = json_get_str(format, "type");
    *ret_json = bare || (type && strcmp(type, "text") != 0);
    if (bare || !*ret_json)
        return json_object_is_type(bare, json_type_object) ? bare : NULL;
    if (json_get(format, "schema"))
        return json_get(format, "schema");
    bare = json_get(format, "json_schema");
    return strcmp(type, "json_object") == 0 ? bare : json_get(bare, "schema");
}

static void say_json(const struct sim_ask *a, struct json_object *schema, struct buf *out)
{
    CLEANUP_JSON struct json_object *o = NULL;

    if (schema) {
        o = sim_schema_instance(schema, "echo");
        json_write(o, out);
        return;
    }
    buf_str(out, "{\"echo\":");
    buf_json_str(out, a->text, a->text_len);
    buf_char(out, '}');
}

int64_t sim_voice_compose(const struct sim_voice *v, const struct sim_ask *a, uint64_t seed,
                          int index, bool half, struct buf *out, bool *ret_cut)
{
    struct rng r = {.state = sim_hash_fold(seed, a->digest) + (uint64_t)index};
    bool json = false;
    struct json_object *schema = wanted_schema(a, &json);
    size_t start = out->len, len = 0, most = 0;

    if (json)
        say_json(a, schema, out);
    else
        say(v, a, &r, out);
    if (index > 0 && !json)
        buf_printf(out, " [%d]", index);
    len = out->len - start;
    most = half ? len / 2 : len;
    if (a->max_tokens && most > (size_t)a->max_tokens * 4)
        most = (size_t)a->max_tokens * 4;
    *ret_cut = most < len;
    if (*ret_cut) {
        out->len = start + sim_text_cut(out->data + start, len, most);
        out->data[out->len] = 0;
    }
    return sim_tokens(out->len - start);
}
