/*
 * store_control: the worker's end of the control socket. One thread, one client at a time, a line
 * in and a line out. It writes only through the writer thread, like everybody else, and trusts no
 * input.
 */
#include "io/store_control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/store_int.h"
#include "io/store_line.h"
#include "io/store_socket.h"

#define IDLE_MS 10000
#define BACKLOG 8

struct store_control {
    struct store *s;
    char *path; /* of the socket */
    int listen_fd;
    int stop_fd; /* eventfd: readable when the thread must end */
    pthread_t thread;
};

static void unref_completion(struct completion **c)
{
    completion_unref(*c);
}

/* Which completions `rm` means. */
struct removal {
    bool all, expired;
    const char *model; /* or NULL */
    int64_t now_wall_ms;
};

static bool has_model(const struct store_entry *entry, const char *model)
{
    CLEANUP(unref_completion) struct completion *c = NULL;

    return codec_get_completion(entry->value, entry->value_len, &c) == 0 &&
           strcmp(c->model, model) == 0;
}

static enum walk_action remove_entry(void *arg, const struct store_entry *entry)
{
    const struct removal *r = arg;
    int64_t created, expires;

    if (r->all)
        return WALK_DELETE;
    if (r->model)
        return has_model(entry, r->model) ? WALK_DELETE : WALK_GO;
    if (codec_completion_times(entry->value, entry->value_len, &created, &expires) < 0)
        return WALK_GO;
    return expires && expires <= r->now_wall_ms ? WALK_DELETE : WALK_GO;
}

static int do_remove(struct store *s, struct json_object *o, int64_t now_wall_ms, uint64_t *count,
                     struct err *e)
{
    struct removal r = {.all = json_get_bool(o, "all", false),
                        .expired = json_get_bool(o, "expired", false),
                        .model = json_get_str(o, "model"),
                        .now_wall_ms = now_wall_ms};
    const char *hex = json_get_str(o, "key");
    uint8_t key[SHA256_LEN];
    int chosen = r.all + r.expired + (r.model != NULL) + (hex != NULL);

    if (chosen != 1)
        return err_set(e, EX_USAGE, "rm wants exactly one of key, model, expired and all");
    if (!hex)
        return store_walk(s, STORE_COMPLETIONS, NULL, 0, remove_entry, &r, count, e);
    if (store_key_parse(hex, key) < 0)
        return err_set(e, EX_USAGE, "a key is %d hex digits", 2 * SHA256_LEN);
    r.all = true;
    return store_walk(s, STORE_COMPLETIONS, key, sizeof key, remove_entry, &r, count, e);
}

static int do_import(struct store *s, struct json_object *o, uint64_t *count, struct err *e)
{
    CLEANUP(unref_completion) struct completion *c = NULL;
    CLEANUP(buf_done) struct buf line = BUF_INIT((size_t)s->conf.line_max);
    struct json_object *object = json_get_type(o, "completion", json_type_object);
    struct store_op op = {0};
    struct list_node one;
    uint8_t key[SHA256_LEN];

    if (!object || json_write(object, &line) < 0)
        return err_set(e, EX_USAGE, "import wants a completion: a line of `cache export`");
    if (store_line_read(line.data, line.len, key, &c, e) < 0)
        return -1;
    op.completion_key = key;
    op.completion = c;
    list_init(&one);
    list_push(&one, &op.node);
    *count = 1;
    return store_write_wait(s, &one, e);
}

static int do_line(struct store *s, const char *line, size_t len, int64_t now_wall_ms,
                   uint64_t *count, struct err *e)
{
    CLEANUP_JSON struct json_object *o = NULL;
    const char *op;

    if (json_parse(line, len, &o, e) < 0)
        return -1;
    op = json_get_str(o, "op");
    if (op && strcmp(op, "rm") == 0)
        return do_remove(s, o, now_wall_ms, count, e);
    if (op && strcmp(op, "import") == 0)
        return do_import(s, o, count, e);
    return err_set(e, EX_USAGE, "op must be \"rm\" or \"import\"");
}

void store_control_do(struct store *s, const char *line, size_t len, int64_t now_wall_ms,
                      struct buf *out)
{
    uint64_t count = 0;
    struct err e = {0};

    if (do_line(s, line, len, now_wall_ms, &count, &e) == 0) {
        buf_printf(out, "{\"ok\":true,\"count\":%llu}", (unsigned long long)count);
        return;
    }
    buf_str(out, "{\"ok\":false,\"error\":");
    buf_json_str(out, e.msg, strlen(e.msg));
    buf_char(out, '}');
}

/* False: time to leave the client, or the worker. */
static bool wait_readable(const struct store_control *c, int fd, int timeout_ms)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = c->stop_fd, .events = POLLIN}};
    int n = poll(p, 2, timeout_ms);

    if (n < 0 && errno == EINTR)
        return wait_readable(c, fd, timeout_ms);
    return n > 0 && !(p[1].revents & POLLIN);
}

static void serve(struct store_control *c, int fd)
{
    CLEANUP(buf_done) struct buf in = BUF_INIT((size_t)c->s->conf.line_max);
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);

    while (wait_readable(c, fd, IDLE_MS)) {
        int r = socket_fill(fd, &in);
        size_t len;

        if (r <= 0)
            return;
        while ((len = socket_line(&in)) > 0) {
            buf_clear(&out);
            store_control_do(c->s, in.data, len - 1, clock_wall_ms(), &out);
            socket_consume(&in, len);
            buf_char(&out, '\n');
            if (socket_send(fd, out.data, out.len) < 0)
                return;
        }
    }
}

static void *control_main(void *arg)
{
    struct store_control *c = arg;

    while (wait_readable(c, c->listen_fd, -1)) {
        int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            continue;
        socket_limit_time(fd, IDLE_MS);
        serve(c, fd);
        close(fd);
    }
    return NULL;
}

static struct store_control *control_free(struct store_control *c)
{
    if (c->listen_fd >= 0)
        close(c->listen_fd);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    free(c->path);
    free(c);
    return NULL;
}

/* A socket that a killed worker left is in the way; the database's lock says that none is alive. */
static int listen_at(struct store_control *c, const char *dir, struct err *e)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(4096);

    buf_printf(&path, "%s/" SOCKET_NAME, dir);
    c->path = buf_steal(&path, NULL);
    unlink(c->path);
    c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (c->listen_fd < 0 || c->stop_fd < 0)
        return err_set(e, EX_OSERR, "%s", strerror(errno));
    if (socket_at(c->listen_fd, dir, bind, e) < 0)
        return -1;
    /* Nobody can connect before listen(), so the mode is in force in time. */
    if (chmod(c->path, 0600) != 0 || listen(c->listen_fd, BACKLOG) != 0)
        return err_set(e, EX_OSERR, "%s", strerror(errno));
    return 0;
}

void store_control_start(struct store *s)
{
    struct store_control *c = mem_alloc(sizeof *c);
    char quoted[ERR_MSG_MAX];
    struct err e = {0};

    *c = (struct store_control){.s = s, .listen_fd = -1, .stop_fd = -1};
    if (listen_at(c, s->path, &e) < 0 || pthread_create(&c->thread, NULL, control_main, c) != 0) {
        log_warn("no control socket", "path=%s error=%s effect=\"cache rm and import must wait\"",
                 s->path, log_quote(e.msg, quoted, sizeof quoted));
        control_free(c);
        return;
    }
    pthread_setname_np(c->thread, "store-control");
    s->control = c;
}

void store_control_stop(struct store *s)
{
    struct store_control *c = s->control;
    uint64_t one = 1;

    if (!c)
        return;
    while (write(c->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    pthread_join(c->thread, NULL);
    unlink(c->path);
    s->control = control_free(c);
}
