/* publisher: how large a record its client is told to take. */
#include <criterion/criterion.h>

#include "io/kafka/publisher.h"

#define KB 1000LL
#define MB (1000 * KB)

static struct config config;
static struct kafka_publisher publisher = {.setup.config = &config};

/* 0: as large as the library's own bound. */
static int64_t most(int64_t reply_bytes, int64_t record_bytes, const char *delay)
{
    char text[PUBLISHER_MAX_DIGITS];
    const char *r;
    int64_t n = 0;

    config.limits.reply_bytes = reply_bytes;
    config.limits.record_bytes = record_bytes;
    config.topics.delay = (char *)delay;
    r = publisher_max_bytes(&publisher, text);
    cr_assert(!r || config_int(r, &n) == 0);
    return n;
}

Test(kafka_publisher, the_largest_reply_passes)
{
    cr_expect_eq(most(500 * KB, 1 * MB, ""), 0);
    cr_expect_gt(most(4 * MB, 1 * MB, ""), 4 * MB);
    cr_expect_lt(most(4 * MB, 8 * MB, ""), 5 * MB);
    cr_expect_leq(most(5000 * MB, 8 * MB, ""), 1000 * MB, "librdkafka takes no more");
}

Test(kafka_publisher, so_does_the_copy_of_the_largest_request)
{
    cr_expect_eq(most(500 * KB, 500 * KB, "delay"), 0);
    cr_expect_gt(most(500 * KB, 1 * MB, "delay"), 1 * MB);
    cr_expect_gt(most(4 * MB, 8 * MB, "delay"), 8 * MB);
    cr_expect_gt(most(4 * MB, 1 * MB, "delay"), 4 * MB);
}
