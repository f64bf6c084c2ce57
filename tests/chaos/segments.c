/*
 * segments: walks the batches of log files. Only the head of a batch is looked at, and for a control batch
 * the type in the key of its one record. A transaction of a producer ends with its next marker, so the
 * batches that wait for one are looked through when it comes.
 */
#include "tests/chaos/segments.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    HEAD = 61,     /* bytes before the records */
    AT_LENGTH = 8, /* of what follows it */
    AT_MAGIC = 16,
    AT_ATTRIBUTES = 21,
    AT_LAST_DELTA = 23,
    AT_PRODUCER = 43,
    AT_COUNT = 57,
    BEFORE_LENGTH = 12, /* bytes that the length does not count */
    TRANSACTIONAL = 0x10,
    CONTROL = 0x20,
    MARKER_COMMIT = 1
};

static int16_t get16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return (int16_t)be16toh(v);
}

static int32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return (int32_t)be32toh(v);
}

static int64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return (int64_t)be64toh(v);
}

/* Steps over a zigzag varint. */
static const uint8_t *after_varint(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p & 0x80))
        p++;
    return p < end ? p + 1 : end;
}

/* A record: length, attributes (1 byte), timestamp delta, offset delta, key length, key; the key of a marker
 * is version and type, two bytes each. -1: no marker. */
static int marker_type(const uint8_t *p, const uint8_t *end)
{
    p = after_varint(p, end);
    if (p < end)
        p++;
    p = after_varint(p, end);
    p = after_varint(p, end);
    p = after_varint(p, end);
    return end - p >= 4 ? get16(p + 2) : -1;
}

static void on_marker(struct segments *s, int64_t producer, bool commit)
{
    bool all = true;

    *(commit ? &s->commits : &s->aborts) += 1;
    for (size_t i = s->open_from; i < s->count; i++) {
        struct segment_batch *b = &s->at[i];

        if (b->waiting && b->producer == producer) {
            b->waiting = false;
            b->fate = commit ? FATE_COMMITTED : FATE_ABORTED;
        }
        all = all && !b->waiting;
        if (all)
            s->open_from = i + 1;
    }
}

static void on_batch(struct segments *s, const uint8_t *p, size_t n)
{
    int attributes = get16(p + AT_ATTRIBUTES);
    struct segment_batch b = {.first = get64(p),
                              .last = get64(p) + get32(p + AT_LAST_DELTA),
                              .producer = get64(p + AT_PRODUCER),
                              .records = (uint32_t)get32(p + AT_COUNT),
                              .waiting = attributes & TRANSACTIONAL};

    if (attributes & CONTROL) {
        on_marker(s, b.producer, marker_type(p + HEAD, p + n) == MARKER_COMMIT);
        return;
    }
    b.fate = b.waiting ? FATE_OPEN : FATE_COMMITTED;
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 256;
        s->at = mem_grow(s->at, s->cap, sizeof *s->at);
    }
    s->at[s->count++] = b;
}

int segments_read(struct segments *s, const void *bytes, size_t n, struct err *e)
{
    const uint8_t *p = bytes, *end = p + n;

    while (end - p >= HEAD) {
        int64_t size = (int64_t)get32(p + AT_LENGTH) + BEFORE_LENGTH;

        /* Files are made longer than what is in them; the rest is zero. */
        if (size == BEFORE_LENGTH || size > end - p)
            return 0;
        if (size < HEAD || p[AT_MAGIC] != 2)
            return err_set(e, EX_DATAERR, "no batch of message format 2 at byte %td",
                           p - (const uint8_t *)bytes);
        on_batch(s, p, (size_t)size);
        p += size;
    }
    return 0;
}

void segments_end(struct segments *s)
{
    s->committed = s->aborted = s->open = 0;
    for (size_t i = 0; i < s->count; i++) {
        uint64_t *sum = s->at[i].fate == FATE_COMMITTED ? &s->committed
                        : s->at[i].fate == FATE_ABORTED ? &s->aborted
                                                        : &s->open;

        *sum += s->at[i].records;
    }
}

void segments_done(struct segments *s)
{
    free(s->at);
    *s = (struct segments){0};
}

enum fate segments_fate(const struct segments *s, int64_t offset)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (s->at[mid].last < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->count && s->at[low].first <= offset ? s->at[low].fate : FATE_UNKNOWN;
}

static int load_file(struct segments *s, const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = {0};
    void *p = MAP_FAILED;
    int r = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        r = err_set(e, EX_NOINPUT, "%s: %s", path, strerror(errno));
    else if (st.st_size)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (r == 0 && st.st_size && p == MAP_FAILED)
        r = err_set(e, EX_IOERR, "%s: %s", path, strerror(errno));
    if (p != MAP_FAILED) {
        r = segments_read(s, p, (size_t)st.st_size, e);
        munmap(p, (size_t)st.st_size);
    }
    if (fd >= 0)
        close(fd);
    return r < 0 ? err_wrap(e, "%s", path) : 0;
}

static int is_log(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n == 24 && strcmp(d->d_name + 20, ".log") == 0;
}

int segments_load(struct segments *s, const char *dir, struct err *e)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_log, alphasort), r = 0;
    char path[1024];

    if (n < 0)
        return err_set(e, EX_NOINPUT, "%s: %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        if (r == 0)
            r = load_file(s, path, e);
        free(names[i]);
    }
    free(names);
    segments_end(s);
    return r;
}
