/*
 * jsonl: files of lines, in and out. Reads lines of bounded length with their numbers and places; appends
 * whole lines, and never leaves a torn or a lost one behind.
 *
 * One object belongs to one thread.
 */
#ifndef SLUICE_IO_JSONL_H
#define SLUICE_IO_JSONL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct line_reader;

struct line {
    const char *text; /* without the line end; valid until the next call */
    size_t len;
    int64_t number; /* from 1 */
    int64_t offset; /* of its first byte */
    bool torn;      /* the last line, and no newline behind it */
};

enum line_result {
    LINE_GOOD = 0,
    LINE_END = 1,
    LINE_TOO_LONG =
        2 /* number and offset are set, text is its beginning; the next call goes on behind it */
};

/* "-" is standard input (not seekable). A UTF-8 byte order mark at the start is skipped, a CR in front of the
 * line end as well; lines with nothing but blanks are not given out. */
struct line_reader *line_reader_open(const char *path, size_t line_max, struct err *e);
void line_reader_keep_blank(
    struct line_reader *r); /* blank lines are given out too (CSV needs them) */
struct line_reader *line_reader_close(struct line_reader *r);
int line_reader_next(struct line_reader *r, struct line *ret, struct err *e);
int line_reader_seek(struct line_reader *r, int64_t offset, int64_t number, struct err *e);
int64_t line_reader_size(const struct line_reader *r); /* bytes of the file; -1: unknown */

struct line_writer;

/*
 * "-" is standard output. Else opens for appending and takes a lock on the file, so that two runs cannot write to it. What stands behind
 * the last line end (a line torn by a crash) is cut off. Errors: a directory, not writable, locked.
 */
struct line_writer *line_writer_open(const char *path, struct err *e);
struct line_writer *line_writer_close(struct line_writer *w);

/* Does a process have this file open as a line_writer? Asks without taking the lock. */
bool line_writer_locked(const char *path);

/* A regular file, which can be read back: not standard output, a pipe or a device. */
bool line_writer_is_file(const struct line_writer *w);

/* Appends a line (text and a newline) to the buffer. */
void line_writer_add(struct line_writer *w, const char *text, size_t len);

/*
 * Writes what is buffered. 0, LINE_WRITER_CLOSED (nobody reads the pipe any more: trying again is of no use),
 * or -1; after -1 (disk full, ...) what could not be written is still buffered, and
 * a later call goes on exactly where this one stopped. sync: fdatasync as well.
 */
enum { LINE_WRITER_CLOSED = 1 };
int line_writer_flush(struct line_writer *w, bool sync, struct err *e);
size_t line_writer_pending(const struct line_writer *w);

/* For tests: a write function to inject faults with; NULL restores write(2). */
extern ssize_t (*line_writer_write)(int fd, const void *p, size_t n);

#endif
