/* json_keys: finds duplicate keys for json_scan. */
#include "base/json_keys.h"

#include <string.h>

#include "base/mem.h"

#define PAIRWISE_MAX 8 /* objects of up to this many keys are compared pair by pair */

void json_keys_init(struct json_keys *k)
{
    k->at = k->local;
    k->count = 0;
    k->cap = JSON_KEYS_LOCAL;
}

void json_keys_done(struct json_keys *k)
{
    if (k->at != k->local)
        free(k->at);
    json_keys_init(k);
}

void json_keys_push(struct json_keys *k, const struct json_key *key)
{
    if (k->count == k->cap) {
        struct json_key *old = k->at == k->local ? NULL : k->at;
        struct json_key *grown = mem_grow(old, k->cap * 2, sizeof *grown);

        if (!old)
            memcpy(grown, k->local, sizeof k->local);
        k->at = grown;
        k->cap *= 2;
    }
    k->at[k->count++] = *key;
}

static int compare_text(const struct json_key *a, const struct json_key *b)
{
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return a->len ? memcmp(a->at, b->at, a->len) : 0;
}

/* By content, then by place, so that the later of two equal keys is the one that is reported. */
static int compare(const void *pa, const void *pb)
{
    const struct json_key *a = pa;
    const struct json_key *b = pb;
    int r = compare_text(a, b);

    return r ? r : (a->offset > b->offset) - (a->offset < b->offset);
}

static const struct json_key *find_sorted(struct json_key *k, size_t n)
{
    size_t i = 0;

    qsort(k, n, sizeof *k, compare);
    for (i = 1; i < n; i++) {
        if (compare_text(&k[i - 1], &k[i]) == 0)
            return &k[i];
    }
    return NULL;
}

static const struct json_key *find_pairwise(const struct json_key *k, size_t n)
{
    size_t i = 0;
    size_t j = 0;

    for (i = 1; i < n; i++) {
        for (j = 0; j < i; j++) {
            if (compare_text(&k[j], &k[i]) == 0)
                return &k[i];
        }
    }
    return NULL;
}

const struct json_key *json_keys_pop(struct json_keys *k, size_t from)
{
    size_t n = k->count - from;

    k->count = from;
    return n > PAIRWISE_MAX ? find_sorted(k->at + from, n) : find_pairwise(k->at + from, n);
}
