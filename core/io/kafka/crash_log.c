/*
 * crash_log: a header and fixed entries in a mapped file, and beside it in memory an index over them. An
 * entry is valid when its check fits: it is cleared first and written last, so that an entry which was
 * half written when the process died is none. The file is never changed while it is opened: what is left of
 * the old one is written to a new one that takes its place by a rename, so that a crash counts once.
 */
#include "io/kafka/crash_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"

#define MAGIC         "sluice-crash-1"
#define ID_LEN        16
#define CRASHES_MAX   1000
#define PATH_BYTES    700
#define MARKS_MOST    ((size_t)1 << 24)
#define ISOLATED_FROM 2 /* crashes; one alone is most often the machine's doing, or a person's */
#define DAY_S         86400

struct header {
    char magic[16];
    uint32_t entry_bytes;
    uint32_t forgiven; /* atomic */
    uint8_t unused[40];
};

struct entry {
    uint8_t id[ID_LEN];
    uint32_t counted_s; /* wall time of the last crash that was counted */
    uint16_t crashes;
    uint16_t running;
    uint32_t unused;
    uint32_t check; /* 0: the entry is empty */
};

/* The place of an entry among those with the same hash, or among the free ones. */
struct link {
    uint32_t next; /* number of the entry + 1; 0: the last */
};

struct crash_log {
    struct header *file;
    struct entry *at; /* in the file, behind the header */
    size_t bytes;
    size_t cap;
    size_t max_marks;
    size_t suspects; /* entries with crashes */
    unsigned limit;
    size_t *together; /* by crashes, below limit: how many may be in flight */
    size_t *running;  /* and how many are */
    struct link *links;
    uint32_t *buckets;
    size_t mask;
    uint32_t free; /* as struct link */
};

/* Mixes n bytes into h, eight at a time. No digest: what it has to tell apart is not made by an enemy. */
static uint64_t mix(uint64_t h, const void *p, size_t n)
{
    const uint8_t *at = p;

    for (; n > 0; at += 8) {
        size_t take = n < 8 ? n : 8;
        uint64_t word = 0;

        memcpy(&word, at, take);
        h = (h ^ word ^ take) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
        n -= take;
    }
    return h;
}

static uint32_t check_of(const struct entry *m)
{
    uint64_t h = mix(1, m, offsetof(struct entry, check));

    h ^= h >> 32;
    return (uint32_t)h ? (uint32_t)h : 1;
}

static bool is_valid(const struct entry *m)
{
    return m->check && m->check == check_of(m);
}

static void clear(struct entry *m)
{
    __atomic_store_n(&m->check, 0, __ATOMIC_RELEASE);
}

static void write_entry(struct entry *to, const struct entry *from)
{
    struct entry m = *from;

    m.check = 0;
    clear(to);
    /* Against the compiler only: a process dies between two of its own instructions. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *to = m;
    __atomic_store_n(&to->check, check_of(&m), __ATOMIC_RELEASE);
}

/* The fingerprint is a digest already; the key, which differs in a few bytes from that of the next record,
 * is mixed into one half of it. */
static void make_id(const uint8_t *key, size_t len, const uint8_t fingerprint[16],
                    uint8_t id[ID_LEN])
{
    uint64_t half;

    memcpy(id, fingerprint, ID_LEN);
    memcpy(&half, id, sizeof half);
    half ^= mix(len, key, len);
    memcpy(id, &half, sizeof half);
}

/* ---- index ---- */

static uint32_t *bucket_of(const struct crash_log *l, const uint8_t id[ID_LEN])
{
    uint64_t h;

    memcpy(&h, id, sizeof h);
    return &l->buckets[(h ^ h >> 32) & l->mask];
}

static struct entry *find(const struct crash_log *l, const uint8_t id[ID_LEN])
{
    for (uint32_t i = *bucket_of(l, id); i; i = l->links[i - 1].next)
        if (memcmp(l->at[i - 1].id, id, ID_LEN) == 0)
            return &l->at[i - 1];
    return NULL;
}

/* NULL: no room. */
static struct entry *add(struct crash_log *l, const struct entry *m)
{
    uint32_t i = l->free;
    uint32_t *bucket = bucket_of(l, m->id);

    if (!i)
        return NULL;
    l->free = l->links[i - 1].next;
    l->links[i - 1].next = *bucket;
    *bucket = i;
    write_entry(&l->at[i - 1], m);
    return &l->at[i - 1];
}

static void drop(struct crash_log *l, struct entry *m)
{
    uint32_t i = (uint32_t)(m - l->at) + 1;
    uint32_t *at = bucket_of(l, m->id);

    while (*at != i)
        at = &l->links[*at - 1].next;
    *at = l->links[i - 1].next;
    l->links[i - 1].next = l->free;
    l->free = i;
    clear(m);
}

/* ---- opening ---- */

/* The bytes of an old log, or NULL: there is none. */
static char *read_whole(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "re");
    size_t most = sizeof(struct header) + MARKS_MOST * sizeof(struct entry);
    char *data = NULL;
    size_t len = 0, cap = 0, n = 1;

    if (!f)
        return NULL;
    while (n > 0 && len < most) {
        if (len == cap) {
            cap = cap ? cap * 2 : 65536;
            data = mem_grow(data, cap, 1);
        }
        n = fread(data + len, 1, cap - len, f);
        len += n;
    }
    fclose(f);
    *ret_len = len;
    return data;
}

/* Those with the most crashes first, then the newest. */
static int by_weight(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->crashes != y->crashes)
        return x->crashes < y->crashes ? 1 : -1;
    return (x->counted_s < y->counted_s) - (x->counted_s > y->counted_s);
}

/* What is left of the old log, a crash counted for each record that was in flight. */
static struct entry *load(const struct crash_log_setup *setup, size_t *ret_count)
{
    size_t len = 0, count = 0;
    CLEANUP_FREE char *data = read_whole(setup->path, &len);
    uint32_t now_s = (uint32_t)(setup->now_wall_ms / 1000);
    struct header h;
    struct entry *out;

    *ret_count = 0;
    if (!data || len < sizeof h)
        return NULL;
    memcpy(&h, data, sizeof h);
    if (memcmp(h.magic, MAGIC, sizeof MAGIC) != 0 || h.entry_bytes != sizeof *out || h.forgiven)
        return NULL;
    len = (len - sizeof h) / sizeof *out;
    out = mem_array(len ? len : 1, sizeof *out);
    for (size_t i = 0; i < len; i++) {
        struct entry m;

        memcpy(&m, data + sizeof h + i * sizeof m, sizeof m);
        if (!is_valid(&m))
            continue;
        if (m.running) {
            m.crashes = m.crashes < CRASHES_MAX ? m.crashes + 1 : CRASHES_MAX;
            m.counted_s = now_s;
            m.running = 0;
        }
        if (m.crashes && (int64_t)now_s - m.counted_s <= CRASH_LOG_DAYS * DAY_S)
            out[count++] = m;
    }
    qsort(out, count, sizeof *out, by_weight);
    *ret_count = count;
    return out;
}

static int map_new(struct crash_log *l, const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)l->bytes);

    if (!error) {
        l->file = mmap(NULL, l->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        error = l->file == MAP_FAILED ? errno : 0;
    }
    if (fd >= 0)
        close(fd);
    if (error) {
        l->file = NULL;
        return err_set(e, EX_CANTCREAT,
                       "cache.path: cannot make %s: %s; make room on its disk, or set "
                       "pool.poison_crashes to 0",
                       path, strerror(error));
    }
    memcpy(l->file->magic, MAGIC, sizeof MAGIC);
    l->file->entry_bytes = sizeof(struct entry);
    l->at = (struct entry *)(l->file + 1);
    return 0;
}

/* From all of max_marks at the first steps down to one alone, in equal ratios. */
static void set_groups(struct crash_log *l)
{
    double steps = (double)l->limit - ISOLATED_FROM;

    l->together = mem_array(l->limit, sizeof *l->together);
    l->running = mem_array(l->limit, sizeof *l->running);
    for (unsigned c = 0; c < l->limit; c++) {
        double left = c < ISOLATED_FROM ? 1 : 1 - ((double)c - ISOLATED_FROM + 1) / steps;
        double n = pow((double)l->max_marks, left > 0 ? left : 0);

        l->together[c] = c < ISOLATED_FROM ? SIZE_MAX : n > 1 ? (size_t)(n + 1e-6) : 1;
    }
}

static void set_index(struct crash_log *l)
{
    size_t n = 64;

    while (n < l->cap)
        n *= 2;
    l->buckets = mem_array(n, sizeof *l->buckets);
    l->mask = n - 1;
    l->links = mem_array(l->cap, sizeof *l->links);
    for (size_t i = 0; i + 1 < l->cap; i++)
        l->links[i].next = (uint32_t)i + 2;
    l->free = 1;
}

struct crash_log *crash_log_open(const struct crash_log_setup *setup, struct err *e)
{
    struct crash_log *l = mem_alloc(sizeof *l);
    size_t count = 0;
    CLEANUP_FREE struct entry *old = load(setup, &count);
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s.new", setup->path);

    l->max_marks = setup->max_marks < MARKS_MOST / 2 ? setup->max_marks : MARKS_MOST / 2;
    l->limit = setup->limit;
    l->cap =
        2 * l->max_marks; /* half for those in flight, half for suspects that are not back yet */
    l->bytes = sizeof(struct header) + l->cap * sizeof(struct entry);
    if (n < 0 || (size_t)n >= sizeof path) {
        err_set(e, EX_CONFIG, "cache.path: the path is too long; shorten it");
        return crash_log_close(l);
    }
    if (map_new(l, path, e) < 0)
        return crash_log_close(l);
    set_groups(l);
    set_index(l);
    for (size_t i = 0; i < count && i < l->max_marks; i++)
        l->suspects += add(l, &old[i]) != NULL;
    if (rename(path, setup->path) == 0)
        return l;
    err_set(e, EX_CANTCREAT, "cache.path: cannot make %s: %s", setup->path, strerror(errno));
    return crash_log_close(l);
}

struct crash_log *crash_log_close(struct crash_log *l)
{
    if (!l)
        return NULL;
    if (l->file)
        munmap(l->file, l->bytes);
    free(l->together);
    free(l->running);
    free(l->links);
    free(l->buckets);
    free(l);
    return NULL;
}

/* ---- marks ---- */

size_t crash_log_suspects(const struct crash_log *l)
{
    return l ? l->suspects : 0;
}

bool crash_log_may_begin(const struct crash_log *l, const uint8_t *key, size_t len,
                         const uint8_t fingerprint[16])
{
    uint8_t id[ID_LEN];
    const struct entry *m;

    if (!l || !l->suspects)
        return true;
    make_id(key, len, fingerprint, id);
    m = find(l, id);
    return !m || m->running || m->crashes >= l->limit ||
           l->running[m->crashes] < l->together[m->crashes];
}

unsigned crash_log_begin(struct crash_log *l, const uint8_t *key, size_t len,
                         const uint8_t fingerprint[16], uint64_t *ret_mark)
{
    struct entry fresh = {.running = 1};
    struct entry *m;

    *ret_mark = 0;
    if (!l)
        return 0;
    make_id(key, len, fingerprint, fresh.id);
    m = find(l, fresh.id);
    if (m && m->running)
        return m->crashes;
    if (m) {
        fresh.crashes = m->crashes;
        fresh.counted_s = m->counted_s;
        write_entry(m, &fresh);
    } else {
        m = add(l, &fresh);
    }
    if (!m)
        return 0;
    if (m->crashes < l->limit)
        l->running[m->crashes]++;
    *ret_mark = (uint64_t)(m - l->at) + 1;
    return m->crashes;
}

void crash_log_end(struct crash_log *l, uint64_t *mark)
{
    struct entry *m;

    if (!l || !*mark)
        return;
    m = &l->at[*mark - 1];
    *mark = 0;
    if (m->crashes < l->limit)
        l->running[m->crashes]--;
    l->suspects -= m->crashes > 0;
    drop(l, m);
}

void crash_log_forgive(struct crash_log *l)
{
    if (l)
        __atomic_store_n(&l->file->forgiven, 1, __ATOMIC_RELEASE);
}
