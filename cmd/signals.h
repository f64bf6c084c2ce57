/*
 * signals: SIGINT and SIGTERM as a file descriptor. Block them before the first thread is started, so that no
 * thread is ever interrupted; the first asks for a drain, the second for an end at once.
 */
#ifndef SLUICE_CMD_SIGNALS_H
#define SLUICE_CMD_SIGNALS_H

#include "base/err.h"

int signals_open(
    struct err *e);       /* blocks them for this and all later threads; the descriptor, or -1 */
int signals_read(int fd); /* the next pending signal number; 0: none */

/* Waits until one of both descriptors is readable (other < 0: only signals), at most timeout_ms, and empties
 * `other`, an eventfd. Returns the signal number or 0. */
int signals_wait(int fd, int other, int timeout_ms);

#endif
