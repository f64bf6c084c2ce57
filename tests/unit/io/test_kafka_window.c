/* The window of unread bytes: what may be produced to an embedded broker. */
#include <criterion/criterion.h>

#include "io/kafka/window.h"

enum step { PRODUCE, ACKED, FAILED, READ, FOREIGN };

struct row {
    enum step step;
    int64_t a, b; /* ACKED: offset, bytes. READ: next offset, freed? Others: offset or bytes */
    int64_t unread;
    bool fits_100; /* does a record of 100 bytes fit after the step? */
};

/* One partition with room for 1000 bytes. */
static const struct row rows[] = {
    {PRODUCE, 900, 0, 900, true},
    {PRODUCE, 90, 0, 990, false},
    {ACKED, 0, 900, 990, false}, /* acknowledged is not read */
    {FAILED, 90, 0, 900, true},
    {READ, 0, false, 900, true},  /* "next is 0" reads nothing */
    {READ, -1, false, 900, true}, /* nothing committed yet */
    {READ, 1, true, 0, true},
    {PRODUCE, 5000, 0, 5000, false}, /* larger than the window, but nothing was unread */
    {ACKED, 1, 5000, 5000, false},
    {READ, 2, true, 0, true},
    {FOREIGN, 40, 0, 1000, false}, /* unknown records up to 39 */
    {READ, 39, false, 1000, false},
    {READ, 40, true, 0, true},
};

Test(window, steps)
{
    struct window *w = window_new(2, 1000);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];

        switch (r->step) {
        case PRODUCE:
            window_produce(w, 1, r->a);
            break;
        case ACKED:
            window_acked(w, 1, r->a, r->b);
            break;
        case FAILED:
            window_failed(w, 1, r->a);
            break;
        case FOREIGN:
            window_foreign(w, 1, r->a);
            break;
        case READ:
            cr_assert_eq(window_read(w, 1, r->a), (bool)r->b, "row %zu", i);
            break;
        }
        cr_assert_eq(window_unread(w, 1), r->unread, "row %zu: %lld", i,
                     (long long)window_unread(w, 1));
        cr_assert_eq(window_fits(w, 1, 100), r->fits_100, "row %zu", i);
    }
    cr_assert_eq(window_unread(w, 0), 0, "the other partition is untouched");
    window_free(w);
}

/* Many small records: bytes are conserved, and reading in steps frees everything in the end. */
Test(window, many_small_records)
{
    struct window *w = window_new(1, WINDOW_BYTES);
    int64_t produced = 0, offset = 0, before;

    while (window_fits(w, 0, 37)) {
        window_produce(w, 0, 37);
        window_acked(w, 0, offset++, 37);
        produced += 37;
    }
    cr_assert_gt(produced, WINDOW_BYTES - 100);
    cr_assert_eq(window_unread(w, 0), produced);
    before = produced;
    for (int64_t next = 0; next <= offset; next += 1000) {
        window_read(w, 0, next);
        cr_assert_leq(window_unread(w, 0), before);
        cr_assert_geq(window_unread(w, 0), (offset - next) * 37, "freed before it was read");
        before = window_unread(w, 0);
    }
    window_read(w, 0, offset);
    cr_assert_eq(window_unread(w, 0), 0);
    window_free(w);
}
