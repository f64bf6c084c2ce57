/* follow: see follow.h. Waits for the file to be replaced, and looks once a second for a process that is gone. */
#include "cmd/runs/follow.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/runs/entry.h"
#include "cmd/runs/view.h"

#define TICK_MS  1000
#define TEXT_MAX ((size_t)1 << 20)

struct follower {
    const char *stem;
    bool json, live;
    int fd;       /* inotify, of the directory; -1: only the clock */
    int lines;    /* drawn on the terminal */
    char was[80]; /* state and time of the last that was shown */
    struct buf text;
};

static int watch_directory(const char *stem)
{
    char dir[4096];
    char *slash = NULL;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    snprintf(dir, sizeof dir, "%s", stem);
    slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir ? 1 : 0] = '\0';
    if (fd >= 0 && inotify_add_watch(fd, slash ? dir : ".", IN_MOVED_TO) >= 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void wait_for_change(const struct follower *f)
{
    struct pollfd p = {.fd = f->fd, .events = POLLIN};
    char events[4096];

    if (poll(&p, 1, TICK_MS) <= 0)
        return;
    while (read(f->fd, events, sizeof events) > 0) {
        /* Which file it was does not matter: ours is read anyway. */
    }
}

static int print(struct follower *f, struct json_object *o)
{
    char now[80];

    snprintf(now, sizeof now, "%.30s %.40s",
             json_get_str(o, "state") ? json_get_str(o, "state") : "",
             json_get_str(o, "updated_at") ? json_get_str(o, "updated_at") : "");
    if (!f->live && strcmp(now, f->was) == 0)
        return 0;
    memcpy(f->was, now, sizeof now);
    buf_clear(&f->text);
    if (f->json) {
        json_write(o, &f->text);
        buf_char(&f->text, '\n');
    } else if (f->live) {
        if (f->lines)
            buf_printf(&f->text, "\033[%dA\033[J", f->lines);
        f->lines = view_block(o, clock_wall_ms(), &f->text);
    } else {
        view_line(o, clock_wall_ms(), &f->text);
    }
    return fwrite(f->text.data, 1, f->text.len, stdout) == f->text.len && fflush(stdout) == 0 ? 0
                                                                                              : -1;
}

/* Positive: it is running; else -1 or 0 with the exit code. */
static int look(struct follower *f, int *ret_code, struct err *e)
{
    struct json_object *o CLEANUP_JSON = NULL;
    const char *state = NULL;
    int64_t code = 0;

    if (entry_need(f->stem, &o, e) < 0)
        return -1;
    if (print(f, o) < 0)
        return err_set(e, EX_IOERR, "cannot write to stdout: %s", strerror(errno));
    state = json_get_str(o, "state");
    if (state && strcmp(state, "running") == 0)
        return 1;
    code = json_get_int(o, "exit_code", state && strcmp(state, "sent") == 0 ? 0 : EX_TEMPFAIL);
    *ret_code = code >= 0 && code <= UINT8_MAX ? (int)code : EX_TEMPFAIL;
    return 0;
}

int follow(const char *stem, bool json, struct err *e)
{
    struct follower f = {.stem = stem,
                         .json = json,
                         .live = !json && isatty(STDOUT_FILENO),
                         .fd = watch_directory(stem),
                         .text = BUF_INIT(TEXT_MAX)};
    int code = 0;
    int rc = 0;

    while ((rc = look(&f, &code, e)) > 0)
        wait_for_change(&f);
    if (f.fd >= 0)
        close(f.fd);
    buf_done(&f.text);
    return rc < 0 ? e->code : code;
}
