/*
 * id_set: 1,024 open-addressed tables, chosen by the upper bits of a hash. Each grows by half when it is four
 * fifths full, one at a time, so that growing needs next to no memory beyond the tables themselves.
 */
#include "cmd/jobs/id_set.h"

#include "base/mem.h"

#define TABLES    1024
#define SMALLEST  16
#define TABLE_MAX (UINT32_MAX / 4)

struct table {
    uint64_t *at; /* 0: free */
    uint32_t cap, count;
};

struct id_set {
    struct table tables[TABLES];
    uint64_t count;
};

struct id_set *id_set_new(void)
{
    return mem_alloc(sizeof(struct id_set));
}

struct id_set *id_set_free(struct id_set *s)
{
    int i = 0;

    if (!s)
        return NULL;
    for (i = 0; i < TABLES; i++)
        free(s->tables[i].at);
    free(s);
    return NULL;
}

/* Where the hash stands, or the free place for it. */
static uint64_t *place_of(const struct table *t, uint64_t hash)
{
    uint64_t i = ((hash & UINT32_MAX) * t->cap) >> 32;

    while (t->at[i] && t->at[i] != hash)
        i = i + 1 == t->cap ? 0 : i + 1;
    return &t->at[i];
}

static void grow(struct table *t)
{
    struct table bigger = {.cap = t->cap ? t->cap + t->cap / 2 : SMALLEST, .count = t->count};
    uint32_t i = 0;

    bigger.at = mem_array(bigger.cap, sizeof *bigger.at);
    for (i = 0; i < t->cap; i++) {
        if (t->at[i])
            *place_of(&bigger, t->at[i]) = t->at[i];
    }
    free(t->at);
    *t = bigger;
}

int id_set_add(struct id_set *s, uint64_t hash)
{
    struct table *t = &s->tables[hash >> 54];
    uint64_t *place = NULL;

    if (hash == 0)
        hash = 1; /* 0 marks a free place */
    if (t->count >= t->cap / 5 * 4) {
        if (s->count == ID_SET_MAX || t->cap > TABLE_MAX)
            return -1;
        grow(t);
    }
    place = place_of(t, hash);
    if (*place)
        return 0;
    *place = hash;
    t->count++;
    s->count++;
    return 1;
}

uint64_t id_set_count(const struct id_set *s)
{
    return s->count;
}

uint64_t id_set_bytes(const struct id_set *s)
{
    uint64_t n = 0;
    int i = 0;

    for (i = 0; i < TABLES; i++)
        n += s->tables[i].cap * sizeof(uint64_t);
    return n;
}
