/*
 * notify: formats and sends. What cannot be sent now is sent with the next look, so a full socket of the service
 * manager holds nothing up.
 */
#include "cmd/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

static const char *status_words(const struct notify_view *v, char *out, size_t cap)
{
    const char *reasons[HEALTH_REASONS_MAX];
    size_t n = health_reasons(&v->signs, reasons), len = 0;

    if (v->signs.draining)
        return "draining";
    if (n == 0)
        return "ready";
    len = (size_t)snprintf(out, cap, "not ready:");
    for (size_t i = 0; i < n && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, " %s", reasons[i]);
    return out;
}

size_t notify_text(const struct notify_view *v, char ret[NOTIFY_TEXT_MAX])
{
    const char *reasons[HEALTH_REASONS_MAX];
    bool ready = health_reasons(&v->signs, reasons) == 0;
    char state[64] = "", words[160];
    int n;

    if (v->signs.draining)
        snprintf(state, sizeof state, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64 "000000\n",
                 v->stop_s);
    else if (v->first && ready)
        snprintf(state, sizeof state, "READY=1\n");
    else if (v->first && v->alive)
        snprintf(state, sizeof state, "EXTEND_TIMEOUT_USEC=%d000000\n", NOTIFY_START_S);
    n = snprintf(ret, NOTIFY_TEXT_MAX,
                 "%s%sSTATUS=%s; %" PRId64 " partitions, %" PRId64 " records open\n", state,
                 v->alive ? "WATCHDOG=1\n" : "", status_words(v, words, sizeof words),
                 v->partitions, v->open);
    return n < NOTIFY_TEXT_MAX ? (size_t)n : NOTIFY_TEXT_MAX - 1;
}

int notify_address(const char *name, struct sockaddr_un *ret, socklen_t *ret_len)
{
    size_t len = strlen(name);

    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof ret->sun_path)
        return -1;
    memcpy(ret->sun_path, name, len);
    if (name[0] == '@')
        ret->sun_path[0] = '\0'; /* an abstract name has no end but its length */
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
    return 0;
}

struct notify *notify_open(const char *name)
{
    struct notify *n;
    char text[300];

    if (!name || !*name)
        return NULL;
    n = mem_alloc(sizeof *n);
    *n = (struct notify){.fd = -1};
    if (notify_address(name, &n->to, &n->to_len) == 0)
        n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->fd >= 0)
        return n;
    log_warn("the service manager's socket cannot be used", "NOTIFY_SOCKET=%s",
             log_quote(name, text, sizeof text));
    return notify_close(n);
}

struct notify *notify_close(struct notify *n)
{
    if (n && n->fd >= 0)
        close(n->fd);
    free(n);
    return NULL;
}

void notify_show(struct notify *n, struct notify_view *v, int64_t now_us)
{
    const char *reasons[HEALTH_REASONS_MAX];
    char text[NOTIFY_TEXT_MAX];
    size_t len;

    if (!n)
        return;
    v->first = !n->ready;
    len = notify_text(v, text);
    /* Counts alone are news only when it is time. */
    if (now_us - n->said_us < NOTIFY_EVERY_US &&
        strncmp(text, n->last, strcspn(text, ";") + 1) == 0)
        return;
    if (sendto(n->fd, text, len, MSG_NOSIGNAL, (struct sockaddr *)&n->to, n->to_len) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            log_warn("the service manager cannot be told", "error=\"%s\"", strerror(errno));
        return;
    }
    memcpy(n->last, text, len + 1);
    n->said_us = now_us;
    if (health_reasons(&v->signs, reasons) == 0)
        n->ready = true;
}
