/* index: sorted hashes and a bit set; see index.h. */
#include "cmd/batch/index.h"

#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"

#define FEW       24
#define GROW_ROWS 1000000 /* steps of 12 MB: doubling would hold twice what is needed */

struct entry {
    uint32_t hash_high, hash_low;
    uint32_t row;
};

struct index {
    uint8_t chain[SHA256_LEN];   /* over the rows so far */
    uint8_t watched[SHA256_LEN]; /* over the first watch_rows rows */
    uint32_t watch_rows;
    bool has_watched;
    struct sha256 *sha;
    struct entry *at;
    uint32_t count, cap;
    uint8_t *done;
    uint32_t ndone, nleft_out;
};

struct index *index_new(void)
{
    struct index *x = mem_alloc(sizeof *x);

    x->sha = sha256_new();
    return x;
}

struct index *index_free(struct index *x)
{
    if (!x)
        return NULL;
    sha256_free(x->sha);
    free(x->at);
    free(x->done);
    free(x);
    return NULL;
}

uint64_t index_hash(const char *id, size_t len)
{
    uint8_t digest[SHA256_LEN];
    uint64_t h = 0;

    sha256_of(id, len, digest);
    memcpy(&h, digest, sizeof h);
    return h;
}

int index_add(struct index *x, uint64_t hash)
{
    if (x->count == INDEX_ROWS_MAX)
        return -1;
    if (x->count == x->cap) {
        x->cap = x->cap > INDEX_ROWS_MAX - GROW_ROWS ? INDEX_ROWS_MAX : x->cap + GROW_ROWS;
        x->at = mem_grow(x->at, x->cap, sizeof *x->at);
    }
    x->at[x->count] = (struct entry){(uint32_t)(hash >> 32), (uint32_t)hash, x->count};
    x->count++;
    if (x->count == x->watch_rows) {
        memcpy(x->watched, x->chain, sizeof x->watched);
        x->has_watched = true;
    }
    return 0;
}

static uint64_t hash_of(const struct entry *e)
{
    return (uint64_t)e->hash_high << 32 | e->hash_low;
}

/* The bytes of an entry in the order in which they are compared: hash, then row. */
#define KEY_BYTES 12

static unsigned byte_of(const struct entry *e, int nth)
{
    uint32_t word = nth < 4 ? e->hash_high : nth < 8 ? e->hash_low : e->row;

    return word >> (24 - 8 * (nth % 4)) & 0xff;
}

static bool comes_before(const struct entry *a, const struct entry *b)
{
    return hash_of(a) != hash_of(b) ? hash_of(a) < hash_of(b) : a->row < b->row;
}

static void sort_few(struct entry *at, uint32_t n)
{
    uint32_t i = 0;

    for (i = 1; i < n; i++) {
        struct entry e = at[i];
        uint32_t k = i;

        for (; k > 0 && comes_before(&e, &at[k - 1]); k--)
            at[k] = at[k - 1];
        at[k] = e;
    }
}

/* Moves every entry to the part of its byte, one cycle of exchanges after the other. */
static void distribute(struct entry *at, uint32_t next[256], const uint32_t end[256], int nth)
{
    unsigned part = 0;

    for (part = 0; part < 256; part++) {
        while (next[part] < end[part]) {
            struct entry e = at[next[part]];
            unsigned to = byte_of(&e, nth);

            if (to != part) {
                at[next[part]] = at[next[to]];
                at[next[to]++] = e;
            } else {
                next[part]++;
            }
        }
    }
}

/* Radix sort in place: sorting a job of a hundred million rows must not need a second array of them. Goes at
 * most KEY_BYTES deep, 2 KB of stack each. */
static void sort_entries(struct entry *at, uint32_t n, int nth)
{
    uint32_t next[256] = {0};
    uint32_t end[256];
    uint32_t i = 0;
    uint32_t from = 0;
    unsigned part = 0;

    if (n <= FEW || nth == KEY_BYTES) {
        sort_few(at, n);
        return;
    }
    for (i = 0; i < n; i++)
        next[byte_of(&at[i], nth)]++;
    for (part = 0; part < 256; part++) {
        end[part] = from + next[part];
        next[part] = from;
        from = end[part];
    }
    distribute(at, next, end, nth);
    for (from = 0, part = 0; part < 256; from = end[part++])
        sort_entries(at + from, end[part] - from, nth + 1);
}

void index_seal(struct index *x)
{
    if (x->count)
        sort_entries(x->at, x->count, 0);
    x->done = mem_array((size_t)x->count / 8 + 1, 1);
}

uint32_t index_rows(const struct index *x)
{
    return x->count;
}

void index_suspects(const struct index *x, void (*fn)(void *arg, uint32_t row, uint32_t earlier),
                    void *arg)
{
    uint32_t i = 0;

    for (i = 1; i < x->count; i++) {
        if (hash_of(&x->at[i]) == hash_of(&x->at[i - 1]))
            fn(arg, x->at[i].row, x->at[i - 1].row);
    }
}

int64_t index_find(const struct index *x, uint64_t hash)
{
    uint32_t low = 0;
    uint32_t high = x->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (hash_of(&x->at[mid]) < hash)
            low = mid + 1;
        else
            high = mid;
    }
    return low < x->count && hash_of(&x->at[low]) == hash ? (int64_t)x->at[low].row : -1;
}

void index_forget_ids(struct index *x)
{
    free(x->at);
    x->at = NULL;
}

bool index_is_done(const struct index *x, uint32_t row)
{
    return x->done[row / 8] >> (row % 8) & 1;
}

bool index_set_done(struct index *x, uint32_t row)
{
    if (index_is_done(x, row))
        return false;
    x->done[row / 8] |= (uint8_t)(1U << (row % 8));
    x->ndone++;
    return true;
}

uint32_t index_done(const struct index *x)
{
    return x->ndone;
}

void index_leave_out(struct index *x, uint32_t row)
{
    if (!index_set_done(x, row))
        return;
    x->ndone--;
    x->nleft_out++;
}

uint32_t index_wanted(const struct index *x)
{
    return x->count - x->nleft_out;
}

void index_watch(struct index *x, uint32_t rows)
{
    x->watch_rows = rows;
}

void index_digest_add(struct index *x, const void *record, size_t len)
{
    sha256_update(x->sha, x->chain, sizeof x->chain);
    sha256_update(x->sha, record, len);
    sha256_final(x->sha, x->chain);
}

void index_digest(const struct index *x, char out[INDEX_DIGEST_TEXT])
{
    sha256_hex(x->chain, out);
}

void index_digest_watched(const struct index *x, char out[INDEX_DIGEST_TEXT])
{
    out[0] = '\0';
    if (x->has_watched)
        sha256_hex(x->watched, out);
}
