/* store_client: the commanding end of the control socket, used by `sluice cache`. Blocking. */
#include "io/store_control.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "io/store_socket.h"

#define ANSWER_MAX 65536
#define ANSWER_MS  600000 /* removing all of a large cache takes its time */

struct control_client {
    int fd;
    struct buf in;
};

struct control_client *control_connect(const char *slot_path, struct err *e)
{
    struct control_client *c = mem_alloc(sizeof *c);

    buf_init(&c->in, ANSWER_MAX);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        err_set(e, EX_OSERR, "cannot make a socket: %s", strerror(errno));
        return control_close(c);
    }
    socket_limit_time(c->fd, ANSWER_MS);
    if (socket_at(c->fd, slot_path, connect, e) < 0)
        return control_close(c);
    return c;
}

struct control_client *control_close(struct control_client *c)
{
    if (!c)
        return NULL;
    if (c->fd >= 0)
        close(c->fd);
    buf_done(&c->in);
    free(c);
    return NULL;
}

int control_answer(const char *line, size_t len, uint64_t *ret_count, struct err *e)
{
    CLEANUP_JSON struct json_object *o = NULL;
    const char *error;

    if (json_parse(line, len, &o, e) < 0)
        return err_wrap(e, "answer of the worker");
    if (json_get_bool(o, "ok", false)) {
        *ret_count = (uint64_t)json_get_int(o, "count", 0);
        return 0;
    }
    error = json_get_str(o, "error");
    return err_set(e, EX_UNAVAILABLE, "%s", error ? error : "the worker refused");
}

int control_call(struct control_client *c, const char *line, size_t len, uint64_t *ret_count,
                 struct err *e)
{
    size_t n;
    int r;

    if (socket_send(c->fd, line, len) < 0 || socket_send(c->fd, "\n", 1) < 0)
        return err_set(e, EX_UNAVAILABLE, "the worker hung up: %s", strerror(errno));
    while ((n = socket_line(&c->in)) == 0)
        if (socket_fill(c->fd, &c->in) <= 0)
            return err_set(e, EX_UNAVAILABLE, "the worker hung up before it answered");
    r = control_answer(c->in.data, n - 1, ret_count, e);
    socket_consume(&c->in, n);
    return r;
}
