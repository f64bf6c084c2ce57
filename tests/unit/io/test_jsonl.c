/* Files of lines: numbers, places, torn ends, partial writes, locks. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/jsonl.h"

static char path[64];

static void setup(void)
{
    snprintf(path, sizeof path, "/tmp/test-jsonl-%d", (int)getpid());
    unlink(path);
}

static void teardown(void)
{
    line_writer_write = write;
    unlink(path);
}

TestSuite(jsonl, .init = setup, .fini = teardown);

static void put(const char *text)
{
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
}

static void assert_holds(const char *text)
{
    char got[4096];
    FILE *f = fopen(path, "r");
    size_t n = fread(got, 1, sizeof got - 1, f);

    fclose(f);
    got[n] = '\0';
    cr_assert_str_eq(got, text);
}

Test(jsonl, reads)
{
    static const struct {
        const char *content;
        const char *lines[4];
        int64_t numbers[4];
        bool torn; /* the last one */
    } cases[] = {
        {"", {0}, {0}, false},
        {"a\nb\n", {"a", "b"}, {1, 2}, false},
        {"a\r\nb", {"a", "b"}, {1, 2}, true},
        {"\xef\xbb\xbf"
         "a\n\n \t\nb\n",
         {"a", "b"},
         {1, 4},
         false},
        {"\n\n\n", {0}, {0}, false},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct line_reader *r = NULL;
        struct line line = {0};
        struct err e = {0};
        size_t k = 0;

        put(cases[i].content);
        r = line_reader_open(path, 100, &e);
        for (k = 0; cases[i].lines[k]; k++) {
            cr_assert_eq(line_reader_next(r, &line, &e), LINE_GOOD);
            cr_assert_eq(line.len, strlen(cases[i].lines[k]));
            cr_assert_eq(memcmp(line.text, cases[i].lines[k], line.len), 0);
            cr_assert_eq(line.number, cases[i].numbers[k]);
        }
        cr_assert_eq(line.torn, cases[i].torn);
        cr_assert_eq(line_reader_next(r, &line, &e), LINE_END);
        line_reader_close(r);
    }
}

Test(jsonl, seeks_to_where_a_line_began)
{
    struct line_reader *r = NULL;
    struct line line;
    struct line again;
    struct err e = {0};

    put("first\nsecond\nthird\n");
    r = line_reader_open(path, 100, &e);
    line_reader_next(r, &line, &e);
    line_reader_next(r, &line, &e);
    cr_assert_eq(line.offset, 6);
    line_reader_next(r, &again, &e);
    cr_assert_eq(line_reader_seek(r, line.offset, line.number, &e), 0);
    cr_assert_eq(line_reader_next(r, &again, &e), LINE_GOOD);
    cr_assert_eq(memcmp(again.text, "second", 6), 0);
    cr_assert_eq(again.number, 2);
    cr_assert_eq(line_reader_size(r), 19);
    line_reader_close(r);
}

Test(jsonl, long_lines_are_reported_and_passed)
{
    struct line_reader *r = NULL;
    struct line line;
    struct err e = {0};
    FILE *f = fopen(path, "w");

    fprintf(f, "a\n%0*d\nb\n", 1000000, 1);
    fclose(f);
    r = line_reader_open(path, 100, &e);
    cr_assert_eq(line_reader_next(r, &line, &e), LINE_GOOD);
    cr_assert_eq(line_reader_next(r, &line, &e), LINE_TOO_LONG);
    cr_assert_eq(line.number, 2);
    cr_assert_eq(line_reader_next(r, &line, &e), LINE_GOOD);
    cr_assert_eq(line.number, 3);
    cr_assert_eq(line.text[0], 'b');
    line_reader_close(r);
}

Test(jsonl, cuts_a_torn_line_and_appends)
{
    static const struct {
        const char *before, *after;
    } cases[] = {{"", "x\n"}, {"a\n", "a\nx\n"}, {"a\n{\"b", "a\nx\n"}, {"{\"torn", "x\n"}};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct line_writer *w = NULL;
        struct err e = {0};

        put(cases[i].before);
        w = line_writer_open(path, &e);
        cr_assert(w, "%s", e.msg);
        line_writer_add(w, "x", 1);
        cr_assert_eq(line_writer_flush(w, true, &e), 0);
        line_writer_close(w);
        assert_holds(cases[i].after);
    }
}

Test(jsonl, a_torn_line_longer_than_a_block_is_cut)
{
    struct line_writer *w = NULL;
    struct err e = {0};
    FILE *f = fopen(path, "w");

    fprintf(f, "a\n%0*d", 20000, 1);
    fclose(f);
    w = line_writer_open(path, &e);
    line_writer_close(w);
    assert_holds("a\n");
}

static int writes;

/* Three bytes, then a full disk, then all. */
static ssize_t broken_write(int fd, const void *p, size_t n)
{
    writes++;
    if (writes == 2) {
        errno = ENOSPC;
        return -1;
    }
    if (writes == 3) {
        errno = EINTR;
        return -1;
    }
    return write(fd, p, writes == 1 && n > 3 ? 3 : n);
}

Test(jsonl, goes_on_where_a_full_disk_stopped_it)
{
    struct line_writer *w = NULL;
    struct err e = {0};

    w = line_writer_open(path, &e);
    line_writer_write = broken_write;
    line_writer_add(w, "hello", 5);
    cr_assert_eq(line_writer_flush(w, false, &e), -1);
    cr_assert(strstr(e.msg, path), "%s", e.msg);
    cr_assert_eq(line_writer_pending(w), 3);
    line_writer_add(w, "world", 5);
    cr_assert_eq(line_writer_flush(w, false, &e), 0);
    cr_assert_eq(line_writer_pending(w), 0);
    line_writer_close(w);
    assert_holds("hello\nworld\n");
}

Test(jsonl, one_writer_at_a_time)
{
    struct err e = {0};
    struct line_writer *w = line_writer_open(path, &e);

    cr_assert_null(line_writer_open(path, &e));
    cr_assert(strstr(e.msg, "another run"), "%s", e.msg);
    line_writer_close(w);
    w = line_writer_open(path, &e);
    cr_assert(w);
    line_writer_close(w);
}

Test(jsonl, what_cannot_be_opened)
{
    struct err e = {0};

    cr_assert_null(line_reader_open("/tmp", 100, &e));
    cr_assert(strstr(e.msg, "directory"), "%s", e.msg);
    cr_assert_null(line_reader_open("/nowhere/at/all", 100, &e));
    cr_assert_null(line_writer_open("/tmp", &e));
    cr_assert_null(line_writer_open("/nowhere/at/all", &e));
}
