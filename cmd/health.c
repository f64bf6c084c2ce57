/*
 * health: keeps the ready file and counts looks. It decides nothing about the worker: runtime.c does.
 */
#include "cmd/health.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"

static int make_file(const char *path)
{
    FILE *f = fopen(path, "w");
    bool good;

    if (!f)
        return -1;
    good = fprintf(f, "%ld\n", (long)getpid()) > 0;
    return fclose(f) == 0 && good ? 0 : -1;
}

int health_open(struct health *h, const char *ready_file, struct err *e)
{
    *h = (struct health){.ready_file = ready_file};
    if (!ready_file)
        return 0;
    if (make_file(ready_file) < 0 || unlink(ready_file) < 0)
        return err_set(e, EX_CANTCREAT, "--ready-file %s: %s", ready_file, strerror(errno));
    return 0;
}

/* A file that cannot be changed now is tried again at the next look. */
static bool set(struct health *h, bool ready)
{
    bool good = true;

    if (h->ready_file)
        good =
            ready ? make_file(h->ready_file) == 0 : unlink(h->ready_file) == 0 || errno == ENOENT;
    if (!good && !h->said)
        log_error("the ready file cannot be changed", "path=%s error=\"%s\"", h->ready_file,
                  strerror(errno));
    h->said = !good;
    if (good)
        h->ready = ready;
    return good;
}

const char *const health_reason_names[HEALTH_REASONS_MAX] = {
    "starting",      "draining", "not_member",     "producer_not_ready",
    "store_failing", "paused",   "budget_used_up", "every_model_refuses",
};

size_t health_reasons(const struct health_signs *s, const char *ret[HEALTH_REASONS_MAX])
{
    bool runs = !s->starting && !s->draining;
    const bool holds[HEALTH_REASONS_MAX] = {
        s->starting,       s->draining,       runs && !s->member, runs && !s->producer,
        runs && !s->store, runs && s->paused, runs && s->broke,   runs && s->refused,
    };
    size_t n = 0;

    for (size_t i = 0; i < HEALTH_REASONS_MAX; i++)
        if (holds[i])
            ret[n++] = health_reason_names[i];
    return n;
}

void health_show(struct health *h, const struct health_signs *s)
{
    const char *reasons[HEALTH_REASONS_MAX];
    bool ready = health_reasons(s, reasons) == 0;

    if (ready == h->ready || !set(h, ready))
        return;
    if (ready)
        log_info("ready", "ready_file=%s", h->ready_file ? h->ready_file : "-");
    else
        log_warn("not ready",
                 "member=%d producer=%d store=%d paused=%d budget_used_up=%d "
                 "every_model_refuses=%d",
                 s->member, s->producer, s->store, s->paused, s->broke, s->refused);
}

bool health_hangs(struct health *h, uint64_t rounds, unsigned most)
{
    h->still = rounds == h->rounds ? h->still + 1 : 0;
    h->rounds = rounds;
    return h->still >= most;
}

void health_close(struct health *h)
{
    if (h->ready)
        (void)set(h, false); /* it has been said */
}
