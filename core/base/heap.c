/* heap: intrusive binary heap; see heap.h. */
#include "base/heap.h"

#include "base/mem.h"

static void put(struct heap *h, size_t i, struct heap_node *n)
{
    h->at[i] = n;
    n->place = i + 1;
}

static void sift_up(struct heap *h, size_t i)
{
    struct heap_node *n = h->at[i];

    while (i > 0 && h->at[(i - 1) / 2]->key > n->key) {
        put(h, i, h->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(h, i, n);
}

static void sift_down(struct heap *h, size_t i)
{
    struct heap_node *n = h->at[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->at[child + 1]->key < h->at[child]->key)
            child++;
        if (h->at[child]->key >= n->key)
            break;
        put(h, i, h->at[child]);
        i = child;
    }
    put(h, i, n);
}

void heap_done(struct heap *h)
{
    free(h->at);
    *h = (struct heap){0};
}

void heap_push(struct heap *h, struct heap_node *n, int64_t key)
{
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 64;
        h->at = mem_grow(h->at, h->cap, sizeof *h->at);
    }
    n->key = key;
    h->at[h->count] = n;
    sift_up(h, h->count++);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    size_t i = 0;

    if (n->place == 0)
        return;
    i = n->place - 1;
    n->place = 0;
    h->count--;
    if (i == h->count)
        return;
    put(h, i, h->at[h->count]);
    sift_down(h, i);
    sift_up(h, h->at[i]->place - 1);
}

struct heap_node *heap_top(const struct heap *h)
{
    return h->count ? h->at[0] : NULL;
}
