/* sample: the caller's decision holds; else the share that was asked for. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/rng.h"
#include "policy/sample.h"

static void make_id(struct rng *r, uint8_t id[TRACE_ID_LEN])
{
    for (int i = 0; i < TRACE_ID_LEN; i++)
        id[i] = (uint8_t)rng_u64(r);
}

Test(sample, the_caller_has_decided)
{
    const struct trace_context yes = {.flags = 0x01}, no = {.flags = 0xfe};
    const uint8_t id[TRACE_ID_LEN] = {1};

    cr_expect(sample_wanted(&yes, id, 0));
    cr_expect_not(sample_wanted(&no, id, 1));
}

Test(sample, a_share_of_the_others)
{
    static const double ratios[] = {0, 0.01, 0.25, 0.5, 1};
    struct rng r = {.state = 7};

    for (size_t k = 0; k < sizeof ratios / sizeof *ratios; k++) {
        uint8_t id[TRACE_ID_LEN];
        int wanted = 0;

        for (int i = 0; i < 20000; i++) {
            make_id(&r, id);
            wanted += sample_wanted(NULL, id, ratios[k]);
        }
        cr_expect_float_eq(wanted / 20000.0, ratios[k], ratios[k] > 0 && ratios[k] < 1 ? 0.015 : 0,
                           "%d of 20000 at %g", wanted, ratios[k]);
    }
}

/* As a double its random part is 2 to the 56th, which no id can have. */
Test(sample, none_is_not_one_either)
{
    uint8_t last[TRACE_ID_LEN];

    memset(last, 0xff, sizeof last);
    cr_expect_not(sample_wanted(NULL, last, 0));
}

Test(sample, all_programs_take_the_same_ones)
{
    struct rng r = {.state = 9};

    for (int i = 0; i < 1000; i++) {
        uint8_t id[TRACE_ID_LEN];

        make_id(&r, id);
        cr_expect(!sample_wanted(NULL, id, 0.1) || sample_wanted(NULL, id, 0.3),
                  "what is in a small share is in a larger one, too");
    }
}
