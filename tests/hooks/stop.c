/*
 * stop: holds the thread that reaches a place of base/hook.h, so that a test can kill the process just there,
 * or let it go on. SLUICE_STOP_AT=PLACE:N names the place and the how-manieth time; the file that
 * SLUICE_STOP_FILE names appears when it is reached, and the thread goes on when the file is removed.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hook.h"

#define LOOK_MS 10

static void hold(const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);

    if (fd < 0) {
        perror(file);
        abort();
    }
    close(fd);
    while (access(file, F_OK) == 0)
        poll(NULL, 0, LOOK_MS);
}

void hook_reached(const char *place)
{
    static atomic_int times;
    const char *at = getenv("SLUICE_STOP_AT");
    const char *colon = at ? strchr(at, ':') : NULL;

    if (!colon || strlen(place) != (size_t)(colon - at) || strncmp(at, place, strlen(place)) != 0)
        return;
    if (atomic_fetch_add(&times, 1) + 1 == strtol(colon + 1, NULL, 10))
        hold(getenv("SLUICE_STOP_FILE"));
}
