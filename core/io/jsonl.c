/*
 * jsonl: lines in, lines out. It does not look into the lines. Faults of the disk are reported to the caller,
 * who decides whether to wait or to stop.
 */
#include "io/jsonl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"

#define READ_BYTES ((size_t)256 * 1024)
#define PENDING_MAX                                                                                \
    ((size_t)1 << 40) /* bounded by the pool's tasks in flight, whose replies these are */

struct line_reader {
    int fd;
    char *path;
    char *data; /* cap bytes, line_max + READ_BYTES of them */
    size_t cap;
    size_t from, to; /* unread bytes */
    size_t line_max;
    int64_t offset; /* of data[from] in the file */
    int64_t number; /* lines passed */
    bool at_end;
    bool skipping; /* inside a line that was too long */
    bool keep_blank;
};

struct line_reader *line_reader_open(const char *path, size_t line_max, struct err *e)
{
    struct line_reader *r = NULL;
    struct stat st;
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0) {
        err_set(e, EX_NOINPUT, "cannot read %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        err_set(e, EX_NOINPUT, "cannot read %s: it is a directory; name a file", path);
        return NULL;
    }
    r = mem_alloc(sizeof *r);
    r->fd = fd;
    r->path = mem_strdup(path);
    r->line_max = line_max;
    r->cap = line_max + READ_BYTES;
    r->data = mem_alloc(r->cap);
    return r;
}

void line_reader_keep_blank(struct line_reader *r)
{
    r->keep_blank = true;
}

struct line_reader *line_reader_close(struct line_reader *r)
{
    if (!r)
        return NULL;
    close(r->fd);
    free(r->path);
    free(r->data);
    free(r);
    return NULL;
}

int64_t line_reader_size(const struct line_reader *r)
{
    struct stat st;

    return fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

int line_reader_seek(struct line_reader *r, int64_t offset, int64_t number, struct err *e)
{
    if (lseek(r->fd, offset, SEEK_SET) < 0)
        return errno == ESPIPE
                   ? err_set(e, EX_USAGE,
                             "%s is read twice, so it cannot be a pipe: save it to a file first",
                             r->path)
                   : err_set(e, EX_IOERR, "cannot seek in %s: %s", r->path, strerror(errno));
    r->from = 0;
    r->to = 0;
    r->offset = offset;
    r->number = number - 1;
    r->at_end = false;
    r->skipping = false;
    return 0;
}

/* Reads more bytes behind the unread ones. */
static int fill(struct line_reader *r, struct err *e)
{
    ssize_t n = 0;

    if (r->from > 0) {
        memmove(r->data, r->data + r->from, r->to - r->from);
        r->to -= r->from;
        r->from = 0;
    }
    do {
        n = read(r->fd, r->data + r->to, r->cap - r->to);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set(e, EX_IOERR, "cannot read %s: %s", r->path, strerror(errno));
    if (n == 0)
        r->at_end = true;
    r->to += (size_t)n;
    return 0;
}

static void skip_mark(struct line_reader *r)
{
    if (r->offset == 0 && r->to - r->from >= 3 &&
        memcmp(r->data + r->from, "\xef\xbb\xbf", 3) == 0) {
        r->from += 3;
        r->offset += 3;
    }
}

static void consume(struct line_reader *r, size_t n)
{
    r->from += n;
    r->offset += (int64_t)n;
}

/* Makes sure that a whole line, the last piece, or more than line_max bytes are there. Gives the length of
 * the piece without its line end. */
static int gather(struct line_reader *r, size_t *ret_len, bool *ret_newline, struct err *e)
{
    size_t seen = 0;

    for (;;) {
        char *start = r->data + r->from;
        char *nl = memchr(start + seen, '\n', r->to - r->from - seen);

        if (nl) {
            *ret_len = (size_t)(nl - start);
            *ret_newline = true;
            return 0;
        }
        seen = r->to - r->from;
        if (r->at_end || seen > r->line_max) {
            *ret_len = seen;
            *ret_newline = false;
            return 0;
        }
        if (fill(r, e) < 0)
            return -1;
        skip_mark(r);
        seen = 0;
    }
}

static bool is_blank(const char *p, size_t n)
{
    size_t i = 0;

    for (i = 0; i < n; i++) {
        if (!strchr(" \t\r", p[i]) || p[i] == '\0')
            return false;
    }
    return true;
}

/* Takes one piece; LINE_END, LINE_GOOD, LINE_TOO_LONG, or -1. A blank line comes out as good and empty. */
static int take(struct line_reader *r, struct line *ret, struct err *e)
{
    size_t len = 0;
    bool newline = false;
    bool tail = r->skipping;

    if (gather(r, &len, &newline, e) < 0)
        return -1;
    if (!newline && len == 0)
        return LINE_END;
    *ret = (struct line){.text = r->data + r->from,
                         .len = len,
                         .number = r->number + 1,
                         .offset = r->offset,
                         .torn = !newline};
    r->skipping = !newline && len > r->line_max;
    if (!r->skipping)
        r->number++;
    consume(r, len + (newline ? 1 : 0));
    if (tail) { /* the rest of a line that was reported already */
        ret->len = 0;
        return LINE_GOOD;
    }
    if (len > r->line_max)
        return LINE_TOO_LONG;
    if (ret->len > 0 && ret->text[ret->len - 1] == '\r')
        ret->len--;
    return LINE_GOOD;
}

int line_reader_next(struct line_reader *r, struct line *ret, struct err *e)
{
    for (;;) {
        int rc = take(r, ret, e);

        if (rc != LINE_GOOD || r->keep_blank || !is_blank(ret->text, ret->len))
            return rc;
    }
}

struct line_writer {
    int fd;
    char *path;
    struct buf pending;
    size_t written; /* bytes of pending that are in the file already */
};

ssize_t (*line_writer_write)(int fd, const void *p, size_t n) = write;

/* Cuts off what stands behind the last line end. */
static int cut_torn_line(int fd, const char *path, struct err *e)
{
    char block[4096];
    off_t size = lseek(fd, 0, SEEK_END);
    off_t end = size;

    while (end > 0) {
        off_t from = end > (off_t)sizeof block ? end - (off_t)sizeof block : 0;
        ssize_t n = pread(fd, block, (size_t)(end - from), from);
        char *nl = NULL;

        if (n != end - from)
            return err_set(e, EX_IOERR, "cannot read %s: %s", path, strerror(errno));
        nl = memrchr(block, '\n', (size_t)n);
        if (nl) {
            end = from + (nl - block) + 1;
            break;
        }
        end = from;
    }
    if (end < size && ftruncate(fd, end) < 0)
        return err_set(e, EX_IOERR, "cannot cut the torn last line of %s: %s", path,
                       strerror(errno));
    return 0;
}

static struct line_writer *writer_new(int fd, const char *path)
{
    struct line_writer *w = mem_alloc(sizeof *w);

    w->fd = fd;
    w->path = mem_strdup(path);
    buf_init(&w->pending, PENDING_MAX);
    return w;
}

struct line_writer *line_writer_open(const char *path, struct err *e)
{
    bool to_stdout = strcmp(path, "-") == 0;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    int fd =
        to_stdout ? dup(STDOUT_FILENO) : open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0) {
        err_set(e, EX_CANTCREAT, "cannot write %s: %s%s", path, strerror(errno),
                errno == EISDIR ? "; name a file" : "");
        return NULL;
    }
    /* Devices and pipes are shared by nature and hold nothing that could be torn or doubled. */
    if (to_stdout || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return writer_new(fd, path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        err_set(e, EX_CANTCREAT,
                "cannot write %s: another run holds it; wait for it or name another file", path);
        return NULL;
    }
    fcntl(fd, F_OFD_SETLK, &whole); /* flock(2) again, in the form that can be asked for */
    if (cut_torn_line(fd, path, e) < 0) {
        close(fd);
        return NULL;
    }
    return writer_new(fd, path);
}

bool line_writer_locked(const char *path)
{
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool locked = fd >= 0 && fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;

    if (fd >= 0)
        close(fd);
    return locked;
}

struct line_writer *line_writer_close(struct line_writer *w)
{
    if (!w)
        return NULL;
    close(w->fd);
    buf_done(&w->pending);
    free(w->path);
    free(w);
    return NULL;
}

bool line_writer_is_file(const struct line_writer *w)
{
    struct stat st;

    return strcmp(w->path, "-") != 0 && fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode);
}

void line_writer_add(struct line_writer *w, const char *text, size_t len)
{
    buf_append(&w->pending, text, len);
    buf_char(&w->pending, '\n');
}

size_t line_writer_pending(const struct line_writer *w)
{
    return w->pending.len - w->written;
}

int line_writer_flush(struct line_writer *w, bool sync, struct err *e)
{
    while (w->written < w->pending.len) {
        ssize_t n =
            line_writer_write(w->fd, w->pending.data + w->written, w->pending.len - w->written);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EPIPE) {
            err_set(e, EX_IOERR, "nobody reads %s any more", w->path);
            return LINE_WRITER_CLOSED;
        }
        if (n < 0)
            return err_set(e, EX_IOERR, "cannot write %s: %s", w->path, strerror(errno));
        w->written += (size_t)n;
    }
    w->written = 0;
    buf_clear(&w->pending);
    if (sync && fdatasync(w->fd) < 0 && errno != EINVAL && errno != EROFS) /* a pipe */
        return err_set(e, EX_IOERR, "cannot sync %s: %s", w->path, strerror(errno));
    return 0;
}
