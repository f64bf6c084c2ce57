/* store_socket: helpers for a stream socket that carries lines. It knows nothing of the store. */
#include "io/store_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_BYTES 16384

int socket_at(int fd, const char *dir,
              int (*attach)(int fd, const struct sockaddr *a, socklen_t len), struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int n = snprintf(a.sun_path, sizeof a.sun_path, "%s/" SOCKET_NAME, dir);
    int dir_fd = -1, r, saved;

    if (n >= (int)sizeof a.sun_path) {
        dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/" SOCKET_NAME, dir_fd);
    }
    r = attach(fd, (const struct sockaddr *)&a, sizeof a);
    saved = errno;
    if (dir_fd >= 0)
        close(dir_fd);
    return r == 0 ? 0 : err_set(e, EX_UNAVAILABLE, "%s/" SOCKET_NAME ": %s", dir, strerror(saved));
}

void socket_limit_time(int fd, int timeout_ms)
{
    struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

int socket_send(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -1;
        p += sent;
        n -= (size_t)sent;
    }
    return 0;
}

int socket_fill(int fd, struct buf *in)
{
    char chunk[READ_BYTES];
    ssize_t n;

    do
        n = recv(fd, chunk, sizeof chunk, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return (int)n;
    return buf_append(in, chunk, (size_t)n) < 0 ? -1 : 1;
}

size_t socket_line(const struct buf *in)
{
    const char *end = in->len > 0 ? memchr(in->data, '\n', in->len) : NULL;

    return end ? (size_t)(end - in->data) + 1 : 0;
}

void socket_consume(struct buf *in, size_t n)
{
    in->len -= n;
    memmove(in->data, in->data + n, in->len + 1);
}
