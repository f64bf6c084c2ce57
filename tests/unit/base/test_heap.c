/* heap: order under random pushes and removals, against a plain array. */
#include <criterion/criterion.h>

#include "base/heap.h"
#include "base/mem.h"
#include "base/rng.h"

#define NODES 500

static int64_t least(const struct heap_node *nodes)
{
    int64_t min = INT64_MAX;
    size_t i = 0;

    for (i = 0; i < NODES; i++) {
        if (nodes[i].place && nodes[i].key < min)
            min = nodes[i].key;
    }
    return min;
}

Test(heap, empty)
{
    struct heap h = {0};
    struct heap_node n = {0};

    cr_expect_null(heap_top(&h));
    heap_remove(&h, &n);
    heap_push(&h, &n, -5);
    cr_expect_eq(heap_top(&h), &n);
    heap_remove(&h, &n);
    heap_remove(&h, &n);
    cr_expect_null(heap_top(&h));
    cr_expect_eq(n.place, 0);
    heap_done(&h);
    cr_expect_eq(h.cap, 0);
}

Test(heap, random_moves)
{
    static struct heap_node nodes[NODES];
    struct heap h = {0};
    struct rng r = {.state = 7};
    size_t inside = 0;
    int i = 0;

    for (i = 0; i < 20000; i++) {
        struct heap_node *n = &nodes[rng_below(&r, NODES)];

        if (n->place) {
            heap_remove(&h, n);
            inside--;
        } else {
            heap_push(&h, n, (int64_t)rng_below(&r, 100) - 50); /* with many equal keys */
            inside++;
        }
        cr_assert_eq(h.count, inside);
        if (inside)
            cr_assert_eq(heap_top(&h)->key, least(nodes));
    }
    for (i = 0; heap_top(&h); i++) {
        int64_t key = heap_top(&h)->key;

        heap_remove(&h, heap_top(&h));
        cr_assert(!heap_top(&h) || heap_top(&h)->key >= key);
    }
    cr_expect_eq((size_t)i, inside);
    heap_done(&h);
}
