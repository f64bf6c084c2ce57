/*
 * dialect: the table of dialects and the matching of paths; see dialect.h. It knows no dialect but by
 * its entry.
 */
#include "cmd/sim/dialect.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/sim/dialects.h"

static const struct sim_dialect *const dialects[] = {
    &sim_chat,         &sim_embeddings,       &sim_messages,
    &sim_azure,        &sim_azure_embeddings, &sim_cohere_chat,
    &sim_cohere_embed, &sim_ollama_chat,      &sim_ollama_embed,
    &sim_responses,    &sim_converse,         &sim_invoke,
    &sim_gemini,       &sim_vertex,           &sim_gemini_embed,
    &sim_gemini_batch, &sim_vertex_predict,
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False when it does not fit, is empty, or holds a NUL. */
static bool decode(const char *from, size_t n, char *out, size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        int high = from[i] == '%' && i + 2 < n ? hex_digit(from[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(from[i + 2]) : -1;
        char c = low >= 0 ? (char)(high * 16 + low) : from[i];

        if (!c || len + 1 >= cap)
            return false;
        out[len++] = c;
        i += low >= 0 ? 2 : 0;
    }
    out[len] = 0;
    return len > 0;
}

static bool matches(const char *pattern, const char *path, size_t n, char *model, size_t cap)
{
    const char *star = strchr(pattern, '*');
    size_t head = star ? (size_t)(star - pattern) : strlen(pattern);
    size_t tail = star ? strlen(star + 1) : 0;

    if (!star)
        return n == head && memcmp(path, pattern, n) == 0;
    return n > head + tail && memcmp(path, pattern, head) == 0 &&
           memcmp(path + n - tail, star + 1, tail) == 0 &&
           decode(path + head, n - head - tail, model, cap);
}

static const char *without_version(const char *path)
{
    return strncmp(path, "/v1/", 4) == 0 ? path + 3 : path;
}

const struct sim_dialect *sim_dialect_find(const char *url, char *model, size_t cap)
{
    size_t n = strcspn(url, "?");
    const char *bare = without_version(url);
    size_t cut = (size_t)(bare - url);

    *model = 0;
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        for (const char *const *p = dialects[i]->paths; *p; p++) {
            if (matches(*p, url, n, model, cap) ||
                matches(without_version(*p), bare, n - cut, model, cap))
                return dialects[i];
        }
    }
    return NULL;
}

const struct sim_dialect *sim_dialect_guess(const char *url)
{
    char model[SIM_MODEL_MAX];
    const struct sim_dialect *found = sim_dialect_find(url, model, sizeof model);
    size_t n = strcspn(url, "?");

    for (size_t i = 0; !found && i < ARRAY_LEN(dialects); i++) {
        const char *last = strrchr(dialects[i]->paths[0], '/');
        size_t len = strlen(last);

        if (!strchr(last, '*') && n >= len && memcmp(url + n - len, last, len) == 0)
            found = dialects[i];
    }
    return found ? found : &sim_chat;
}

void sim_dialect_paths(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        for (const char *const *p = dialects[i]->paths; *p; p++) {
            buf_str(out, out->len ? ", " : "");
            buf_str(out, *p);
        }
    }
}
