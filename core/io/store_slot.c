/*
 * store_slot: a worker's identity, kept with its disk. A slot is the directory slot-N under
 * cache.path, held by a lock on a file of ours for as long as the process lives (the kernel drops
 * it at any kind of death), with an id made on first use. It must not know what else lies in the
 * directory.
 */
#include "io/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"

#define SLOTS_MAX 256
#define ID_LEN    32

/* A worker that was killed keeps its lock until the kernel has taken it apart, and the one that is started
 * in its place must get its slot: so the locks of the slots that are there are tried for a moment before
 * another slot is made. */
#define LOCK_TRIES    25
#define LOCK_PAUSE_MS 20

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

int store_make_dirs(const char *path, struct err *e)
{
    CLEANUP_FREE char *copy = mem_strdup(path);

    for (char *p = copy + 1;; p++) {
        char c = *p;

        if (c && c != '/')
            continue;
        *p = 0;
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            return err_set(
                e, EX_CANTCREAT,
                "cache.path: cannot create the directory %s: %s; choose a place that this "
                "user may write to",
                copy, strerror(errno));
        *p = c;
        if (!c)
            return 0;
    }
}

/* Written beside and renamed, so that a crash leaves the old id or none. */
static int write_id(const char *dir, const char *id, struct err *e)
{
    char path[600], temp[600];
    CLEANUP(close_fd) int fd = -1;
    CLEANUP(close_fd) int dir_fd = -1;

    snprintf(path, sizeof path, "%s/id", dir);
    snprintf(temp, sizeof temp, "%s/id.new", dir);
    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, id, ID_LEN) != ID_LEN || write(fd, "\n", 1) != 1 || fsync(fd) != 0 ||
        rename(temp, path) != 0)
        return err_set(e, EX_IOERR, "cache.path: cannot write %s: %s", path, strerror(errno));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0 || fsync(dir_fd) != 0)
        return err_set(e, EX_IOERR, "cache.path: cannot sync %s: %s", dir, strerror(errno));
    return 0;
}

static int make_id(struct slot *s, struct err *e)
{
    uint8_t bytes[ID_LEN / 2];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return err_set(e, EX_OSERR, "no random numbers for the slot's id: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(s->id + 2 * i, 3, "%02x", bytes[i]);
    return write_id(s->path, s->id, e);
}

static int load_id(struct slot *s, struct err *e)
{
    char path[600], text[ID_LEN + 2];
    CLEANUP(close_fd) int fd = -1;
    ssize_t n;

    snprintf(path, sizeof path, "%s/id", s->path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return make_id(s, e);
    n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0)
        return err_set(e, EX_IOERR, "cache.path: cannot read %s: %s", path, strerror(errno));
    if (n != ID_LEN + 1 || text[ID_LEN] != '\n')
        return err_set(
            e, EX_DATAERR,
            "cache.path: %s is damaged: it must hold %d hex digits; delete it to get a new "
            "identity",
            path, ID_LEN);
    text[ID_LEN] = 0;
    if (strspn(text, "0123456789abcdef") != ID_LEN)
        return err_set(
            e, EX_DATAERR,
            "cache.path: %s is damaged: it must hold %d hex digits; delete it to get a new "
            "identity",
            path, ID_LEN);
    memcpy(s->id, text, ID_LEN + 1);
    return 0;
}

/* 0 with the lock held, STORE_SLOT_BUSY, or -1. */
static int lock_slot(struct slot *s, const char *root, int number, struct err *e)
{
    char lock[600];
    int n = snprintf(s->path, sizeof s->path, "%s/slot-%d", root, number);

    if (n < 0 || (size_t)n >= sizeof s->path)
        return err_set(e, EX_CONFIG, "cache.path: the path is longer than %zu bytes; shorten it",
                       sizeof s->path - 16);
    if (store_make_dirs(s->path, e) < 0)
        return -1;
    snprintf(lock, sizeof lock, "%s/lock", s->path);
    s->number = number;
    s->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return err_set(
            e, EX_CANTCREAT,
            "cache.path: cannot create %s: %s; choose a place that this user may write to", lock,
            strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK) {
        slot_release(s);
        return STORE_SLOT_BUSY;
    }
    err_set(e, EX_OSERR, "cache.path: cannot lock %s: %s; the file system must support flock", lock,
            strerror(errno));
    slot_release(s);
    return -1;
}

static bool slot_exists(const char *root, int number)
{
    char path[600];

    snprintf(path, sizeof path, "%s/slot-%d", root, number);
    return access(path, F_OK) == 0;
}

/* The first free one of the slots that exist; *ret_exist: how many there are. */
static int lock_old_slot(struct slot *s, const char *root, int *ret_exist, struct err *e)
{
    int r = STORE_SLOT_BUSY;

    *ret_exist = 0;
    for (int i = 0; i < SLOTS_MAX && r == STORE_SLOT_BUSY; i++) {
        if (!slot_exists(root, i))
            continue;
        ++*ret_exist;
        r = lock_slot(s, root, i, e);
    }
    return r;
}

static int lock_any_slot(struct slot *s, const char *root, struct err *e)
{
    int exist = 0;
    int r = lock_old_slot(s, root, &exist, e);

    for (int i = 0; r == STORE_SLOT_BUSY && exist && i < LOCK_TRIES; i++) {
        poll(NULL, 0, LOCK_PAUSE_MS);
        r = lock_old_slot(s, root, &exist, e);
    }
    for (int i = 0; r == STORE_SLOT_BUSY && i < SLOTS_MAX; i++)
        r = lock_slot(s, root, i, e);
    if (r != STORE_SLOT_BUSY)
        return r;
    err_set(e, EX_TEMPFAIL, "cache.path: all %d slots of %s are taken", SLOTS_MAX, root);
    return STORE_ALL_SLOTS_TAKEN;
}

static int lock_this_slot(struct slot *s, const char *root, int wanted, struct err *e)
{
    int r;

    if (wanted >= SLOTS_MAX)
        return err_set(e, EX_USAGE, "slot %d: the highest slot is %d", wanted, SLOTS_MAX - 1);
    r = lock_slot(s, root, wanted, e);
    if (r == STORE_SLOT_BUSY)
        err_set(e, EX_TEMPFAIL, "cache.path: slot %d of %s is in use by another process", wanted,
                root);
    return r;
}

int slot_take(struct slot *s, const char *root, int wanted, struct err *e)
{
    int r;

    *s = (struct slot){.lock_fd = -1};
    r = wanted < 0 ? lock_any_slot(s, root, e) : lock_this_slot(s, root, wanted, e);
    if (r == 0 && load_id(s, e) < 0) {
        slot_release(s);
        return -1;
    }
    return r;
}

void slot_release(struct slot *s)
{
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    s->lock_fd = -1;
}
