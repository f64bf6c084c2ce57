/*
 * http_fd: which sockets epoll watches for the HTTP engine.
 *
 * libcurl says what it wants of a socket several times per request; telling epoll each time costs
 * two system calls a request. So wants are only noted here, and fds_flush() tells epoll about
 * those that differ when the engine is about to wait. A connection that nobody wants stays
 * registered, since the next request will want it again; an event on it means that the server
 * closed it, and then it is taken out. The kernel forgets a closed descriptor by itself and the
 * number is used again, so the table must hear of every open and close of a connection. Other
 * descriptors (the pair that the resolver thread signals with) are closed unheard and are
 * therefore taken out at once.
 *
 * It must not call libcurl.
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/http_int.h"

int fds_init(struct fds *f, struct err *e)
{
    *f = (struct fds){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    if (f->epoll_fd < 0)
        return err_set(e, EX_OSERR, "epoll_create1: %s", strerror(errno));
    return 0;
}

void fds_done(struct fds *f)
{
    if (f->epoll_fd >= 0)
        close(f->epoll_fd);
    free(f->slot);
    free(f->dirty);
    *f = (struct fds){.epoll_fd = -1};
}

static struct fd_slot *slot_of(struct fds *f, int fd)
{
    if (fd >= f->cap) {
        int cap = f->cap ? f->cap : 64;

        while (cap <= fd)
            cap *= 2;
        f->slot = mem_grow(f->slot, (size_t)cap, sizeof *f->slot);
        memset(f->slot + f->cap, 0, (size_t)(cap - f->cap) * sizeof *f->slot);
        f->cap = cap;
    }
    return &f->slot[fd];
}

static void unregister(struct fds *f, int fd, struct fd_slot *s)
{
    if (s->registered)
        epoll_ctl(f->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    s->registered = 0;
}

void fds_want(struct fds *f, int fd, struct shard *shard, uint32_t want)
{
    struct fd_slot *s = slot_of(f, fd);

    s->shard = shard;
    s->want = want;
    if (want == 0 && !s->connection) {
        unregister(f, fd, s);
        s->generation++;
    }
    if (s->dirty || want == 0 || want == s->registered)
        return;
    if (f->ndirty == f->dirty_cap) {
        f->dirty_cap = f->dirty_cap ? 2 * f->dirty_cap : 64;
        f->dirty = mem_grow(f->dirty, (size_t)f->dirty_cap, sizeof *f->dirty);
    }
    s->dirty = true;
    f->dirty[f->ndirty++] = fd;
}

static void forget(struct fds *f, int fd, bool connection)
{
    struct fd_slot *s = slot_of(f, fd);

    s->want = 0;
    s->registered = 0;
    s->shard = NULL;
    s->connection = connection;
    s->generation++;
}

void fds_opened(struct fds *f, int fd)
{
    forget(f, fd, true);
}

void fds_closed(struct fds *f, int fd)
{
    forget(f, fd, false);
}

static void register_fd(struct fds *f, int fd, struct fd_slot *s)
{
    struct epoll_event ev = {.events = s->want};
    int op = s->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    ev.data.u64 = (uint64_t)s->generation << 32 | (uint32_t)fd;
    if (epoll_ctl(f->epoll_fd, op, fd, &ev) == 0)
        s->registered = s->want;
    else
        s->registered = 0; /* closed meanwhile: libcurl finds out by its timers */
}

void fds_flush(struct fds *f)
{
    int i = 0;

    for (i = 0; i < f->ndirty; i++) {
        int fd = f->dirty[i];
        struct fd_slot *s = &f->slot[fd];

        s->dirty = false;
        if (s->want && s->want != s->registered)
            register_fd(f, fd, s);
    }
    f->ndirty = 0;
}

bool fds_event(struct fds *f, const struct epoll_event *ev, struct fd_event *ret)
{
    int fd = (int)(uint32_t)ev->data.u64;
    struct fd_slot *s = slot_of(f, fd);
    uint32_t got = ev->events;

    if (s->generation != ev->data.u64 >> 32)
        return false; /* of a file that had this number before */
    if (s->want == 0) {
        unregister(f, fd, s);
        return false;
    }
    if (got & (EPOLLERR | EPOLLHUP))
        got |= s->want; /* reading or writing tells libcurl which error it was */
    ret->shard = s->shard;
    ret->fd = fd;
    ret->bits = (got & EPOLLIN ? CURL_CSELECT_IN : 0) | (got & EPOLLOUT ? CURL_CSELECT_OUT : 0);
    return true;
}
