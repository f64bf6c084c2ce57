/*
 * notify: tells the service manager how the worker is: systemd's protocol, datagrams to $NOTIFY_SOCKET. READY=1 when
 * the worker is ready for the first time, WATCHDOG=1 while it is alive, STOPPING=1 when it drains, STATUS= in words.
 * A worker that waits for its broker asks for more time to start, for as long as it is alive. It decides nothing:
 * what is ready and alive it is told. Main thread; never blocks. All functions take a NULL notify.
 */
#ifndef SLUICE_CMD_NOTIFY_H
#define SLUICE_CMD_NOTIFY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cmd/health.h"

#define NOTIFY_TEXT_MAX 512
#define NOTIFY_EVERY_US (2 * 1000000LL)
#define NOTIFY_START_S  60 /* more time to start, asked for at each look until it is ready */

struct notify {
    int fd;
    struct sockaddr_un to;
    socklen_t to_len;
    int64_t said_us;
    bool ready; /* READY=1 was taken */
    char last[NOTIFY_TEXT_MAX];
};

struct notify_view {
    struct health_signs signs;
    bool alive; /* as /livez means it */
    bool first; /* has not been ready before */
    int64_t partitions, open;
    int64_t stop_s; /* signs.draining: so long it may take, seconds */
};

/* What is sent. Pure. Returns its length, which is below NOTIFY_TEXT_MAX. */
size_t notify_text(const struct notify_view *v, char ret[NOTIFY_TEXT_MAX]);

/* The address of a path, or of an abstract socket ("@name"). -1: it is neither, or too long. Pure. */
int notify_address(const char *name, struct sockaddr_un *ret, socklen_t *ret_len);

/* name: $NOTIFY_SOCKET. NULL when there is nobody to tell, which is no error; a socket that cannot be used is said
 * in the log. Free with notify_close(). */
struct notify *notify_open(const char *name);
struct notify *notify_close(struct notify *n);

/* Once a tick; sends when something has changed, and every NOTIFY_EVERY_US. */
void notify_show(struct notify *n, struct notify_view *v, int64_t now_us);

#endif
