/* signals: signalfd, and nothing else. */
#include "cmd/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

int signals_open(struct err *e)
{
    sigset_t set;
    int fd = -1;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP); /* a lost terminal is no reason to throw running calls away */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk: write() says so */
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        err_set(e, EX_OSERR, "cannot watch signals: %s", strerror(errno));
    return fd;
}

int signals_read(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

int signals_wait(int fd, int other, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = other, .events = POLLIN}};
    uint64_t count = 0;

    if (poll(fds, 2, timeout_ms) <= 0)
        return 0;
    if (fds[1].revents && read(other, &count, sizeof count) < 0 && errno != EAGAIN)
        return 0;
    return fds[0].revents ? signals_read(fd) : 0;
}
