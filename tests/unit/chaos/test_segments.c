/* segments: made-up log files of committed, aborted, open and plain batches. */
#include "tests/chaos/segments.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <string.h>

#include "base/buf.h"

static struct buf file;
static struct segments s;

static void setup(void)
{
    buf_init(&file, 1 << 20);
}

static void teardown(void)
{
    buf_done(&file);
    segments_done(&s);
}

TestSuite(segments, .init = setup, .fini = teardown);

static void put(int64_t value, size_t bytes)
{
    uint64_t be = htobe64((uint64_t)value);

    buf_append(&file, (const char *)&be + 8 - bytes, bytes);
}

/* A batch as the broker writes it; body: the records. */
static void batch(int64_t first, int32_t records, int attributes, int64_t producer,
                  const void *body, size_t len)
{
    put(first, 8);
    put((int64_t)len + 61 - 12, 4);
    put(0, 4); /* leader epoch */
    put(2, 1); /* magic */
    put(0, 4); /* crc */
    put(attributes, 2);
    put(records - 1, 4); /* last offset delta */
    put(0, 8);           /* times */
    put(0, 8);
    put(producer, 8);
    put(0, 2); /* epoch */
    put(0, 4); /* sequence */
    put(records, 4);
    buf_append(&file, body, len);
}

static void data(int64_t first, int32_t records, int64_t producer)
{
    batch(first, records, producer < 0 ? 0 : 0x10, producer, "some records", 12);
}

static void marker(int64_t at, int64_t producer, bool commit)
{
    /* length, attributes, deltas of two bytes and one, key length, key: version 0 and the type */
    const char body[] = {16,           0,  (char)0x80, 1, 0, 8, 0, 0, 0,
                         (char)commit, 12, 0,          0, 0, 0, 0, 0, 0};

    batch(at, 1, 0x30, producer, body, sizeof body);
}

static void read_file(void)
{
    struct err e = {0};

    cr_assert_eq(segments_read(&s, file.data, file.len, &e), 0, "%s", e.msg);
    segments_end(&s);
}

Test(segments, plain_batches_are_committed)
{
    data(0, 3, -1);
    data(3, 2, -1);
    read_file();
    cr_expect_eq(s.committed, 5);
    cr_expect_eq(segments_fate(&s, 4), FATE_COMMITTED);
    cr_expect_eq(segments_fate(&s, 5), FATE_UNKNOWN);
}

Test(segments, a_marker_decides_about_its_producer_only)
{
    data(0, 2, 7);
    data(2, 2, 8);
    data(4, 1, 7);
    marker(5, 7, true);
    data(6, 1, 7);
    marker(7, 8, false);
    marker(8, 7, false);
    data(9, 4, 8);
    read_file();
    cr_expect_eq(segments_fate(&s, 0), FATE_COMMITTED);
    cr_expect_eq(segments_fate(&s, 2), FATE_ABORTED);
    cr_expect_eq(segments_fate(&s, 3), FATE_ABORTED);
    cr_expect_eq(segments_fate(&s, 4), FATE_COMMITTED);
    cr_expect_eq(segments_fate(&s, 5), FATE_UNKNOWN, "markers are no records");
    cr_expect_eq(segments_fate(&s, 6), FATE_ABORTED);
    cr_expect_eq(segments_fate(&s, 12), FATE_OPEN);
    cr_expect_eq(s.committed, 3);
    cr_expect_eq(s.aborted, 3);
    cr_expect_eq(s.open, 4);
    cr_expect_eq(s.commits, 1);
    cr_expect_eq(s.aborts, 2);
}

Test(segments, a_transaction_may_end_in_the_next_file)
{
    struct err e = {0};

    data(0, 2, 7);
    cr_assert_eq(segments_read(&s, file.data, file.len, &e), 0);
    buf_clear(&file);
    marker(2, 7, true);
    read_file();
    cr_expect_eq(s.committed, 2);
}

Test(segments, zeros_and_a_cut_batch_at_the_end_are_left_out)
{
    data(0, 2, -1);
    for (int i = 0; i < 200; i++)
        buf_char(&file, 0);
    read_file();
    cr_expect_eq(s.committed, 2);
    segments_done(&s);
    buf_clear(&file);
    data(0, 2, -1);
    data(2, 2, -1);
    file.len -= 3;
    read_file();
    cr_expect_eq(s.committed, 2);
}

Test(segments, another_format_is_an_error)
{
    struct err e = {0};

    data(0, 2, -1);
    file.data[16] = 1;
    cr_expect_eq(segments_read(&s, file.data, file.len, &e), -1);
    cr_expect(strstr(e.msg, "format 2"));
}

Test(segments, a_missing_directory_is_an_error)
{
    struct err e = {0};

    cr_expect_eq(segments_load(&s, "/nowhere/at/all", &e), -1);
    cr_expect(strstr(e.msg, "/nowhere"));
}
