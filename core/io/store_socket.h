/*
 * store_socket: what both ends of the control socket share: addresses of any length, lines in,
 * bytes out.
 */
#ifndef SLUICE_IO_STORE_SOCKET_H
#define SLUICE_IO_STORE_SOCKET_H

#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"

#define SOCKET_NAME "control"

/* bind() or connect() to dir/control, also where that path is too long for a socket address. */
int socket_at(int fd, const char *dir,
              int (*attach)(int fd, const struct sockaddr *a, socklen_t len), struct err *e);

void socket_limit_time(int fd, int timeout_ms); /* of one read or write */
int socket_send(int fd, const char *p, size_t n);

/* Appends what one read gives. Positive: something; 0: end of stream; -1: error, or buf full. */
int socket_fill(int fd, struct buf *in);
size_t socket_line(const struct buf *in); /* length with its newline; 0: no whole line yet */
void socket_consume(struct buf *in, size_t n);

#endif
