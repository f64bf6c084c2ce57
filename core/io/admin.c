/*
 * admin: takes requests from libmicrohttpd, refuses what must not come in, and hands the rest to its page; see
 * admin.h. It must not know what a page says, log what a client sent, or wait for anything but its sockets.
 *
 * The library is driven from a loop of our own and not from its own thread, because it bounds the silence of a
 * client and not the time that one takes: the loop shuts down the socket of a connection that is too old.
 */
#include "io/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"

#define BACKLOG      64
#define LOOK_MS      250   /* between two looks at the ages of connections */
#define MEMORY_BYTES 16384 /* of a connection: its headers, and the buffer of its answer */
#define HOST_MAX     256

/* One connection. */
struct client {
    struct MHD_Connection *connection; /* NULL: free */
    int64_t since_us;
    size_t body;  /* bytes so far */
    bool started; /* the request is known */
    bool cut;
};

struct admin {
    struct admin_setup setup;
    struct MHD_Daemon *daemon;
    int listener, wake_fd, epoll_fd;
    uint16_t port;
    pthread_t thread;
    bool started;
    bool stop; /* atomic */
    struct client client[ADMIN_CONNECTIONS];
    uint8_t token[SHA256_LEN]; /* digest of the token */
};

struct admin_request {
    struct MHD_Connection *connection;
};

const char *admin_argument(const struct admin_request *q, const char *name)
{
    return MHD_lookup_connection_value(q->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool admin_argument_alone(const struct admin_request *q, const char *name)
{
    int all = MHD_get_connection_values(q->connection, MHD_GET_ARGUMENT_KIND, NULL, NULL);

    return all == (admin_argument(q, name) ? 1 : 0);
}

void admin_refuse(struct admin_answer *ret, int status, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ret->status = status;
    buf_clear(&ret->body);
    buf_str(&ret->body, "{\"error\":");
    buf_json_str(&ret->body, text, strlen(text));
    buf_str(&ret->body, "}\n");
}

/* ---- what must not come in ---- */

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* Is the Host, without its port, the machine itself? Without a Host it is no browser. */
static bool host_is_ours(struct MHD_Connection *c)
{
    const char *host = header(c, "Host");
    const char *colon = NULL;
    char name[HOST_MAX];
    size_t n = 0;

    if (!host)
        return true;
    n = strlen(host);
    colon = strrchr(host, ':');
    if (colon && !strchr(colon, ']'))
        n = (size_t)(colon - host);
    if (n >= sizeof name)
        return false;
    memcpy(name, host, n);
    name[n] = '\0';
    return listen_is_loopback(name);
}

/* Takes the same time wherever the two differ: digests are compared, to the end. */
static bool has_token(const struct admin *a, struct MHD_Connection *c)
{
    static const char scheme[] = "Bearer ";
    const char *value = header(c, "Authorization");
    uint8_t digest[SHA256_LEN];
    unsigned differ = 0;

    if (!value || strncasecmp(value, scheme, sizeof scheme - 1) != 0)
        return false;
    value += sizeof scheme - 1;
    sha256_of(value, strlen(value), digest);
    for (size_t i = 0; i < SHA256_LEN; i++)
        differ |= digest[i] ^ a->token[i];
    return differ == 0;
}

static bool wants_token(struct admin_answer *ret)
{
    admin_refuse(ret, MHD_HTTP_UNAUTHORIZED,
                 "send observability.admin_token as `Authorization: Bearer TOKEN`");
    return false;
}

/* May this request read the page? */
static bool may_get(const struct admin *a, const struct admin_page *p, struct MHD_Connection *c,
                    struct admin_answer *ret)
{
    if (p->open || !a->setup.token_reads || has_token(a, c))
        return true;
    return wants_token(ret);
}

/* May this request change something? */
static bool may_post(const struct admin *a, struct MHD_Connection *c, struct admin_answer *ret)
{
    if (header(c, "Origin")) {
        admin_refuse(ret, MHD_HTTP_FORBIDDEN, "a page in a browser may not do this");
        return false;
    }
    if (*a->setup.token && !has_token(a, c))
        return wants_token(ret);
    if (!*a->setup.token && !a->setup.at.loopback) {
        admin_refuse(ret, MHD_HTTP_FORBIDDEN,
                     "other machines can reach this port: set observability.admin_token to allow "
                     "POST");
        return false;
    }
    return true;
}

/* ---- pages ---- */

/* The row for this path and method; *ret_path says whether any row has the path. */
static const struct admin_page *find_page(const struct admin *a, const char *path, bool post,
                                          bool *ret_path)
{
    const struct admin_page *p = NULL;

    *ret_path = false;
    for (p = a->setup.pages; p->path; p++) {
        if (strcmp(p->path, path) != 0)
            continue;
        *ret_path = true;
        if (p->post == post)
            return p;
    }
    return NULL;
}

static void make_page(const struct admin *a, struct MHD_Connection *c, const char *method,
                      const char *path, struct admin_answer *ret)
{
    bool post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    bool get =
        strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    const struct admin_request q = {.connection = c};
    const struct admin_page *p = NULL;
    bool known = false;

    if (a->setup.at.loopback && !host_is_ours(c)) {
        admin_refuse(ret, MHD_HTTP_MISDIRECTED_REQUEST,
                     "the admin port answers to 127.0.0.1, [::1] and localhost only");
        return;
    }
    p = find_page(a, path, post, &known);
    if (!known) {
        admin_refuse(ret, MHD_HTTP_NOT_FOUND,
                     "no such page; there are / for a browser, /status and /metrics");
    } else if (!p || (!post && !get)) {
        ret->allow = find_page(a, path, false, &known) ? "GET, HEAD" : "POST";
        admin_refuse(ret, MHD_HTTP_METHOD_NOT_ALLOWED, "this page answers %s only", ret->allow);
    } else if (post ? may_post(a, c, ret) : may_get(a, p, c, ret)) {
        p->make(a->setup.arg, &q, ret);
    }
}

/* Gives the body away. One request is all that a connection is good for: so its time can be bounded. */
static enum MHD_Result send_answer(struct MHD_Connection *c, struct admin_answer *ans)
{
    size_t n = 0;
    char *body = NULL;
    struct MHD_Response *r = NULL;
    enum MHD_Result done = MHD_NO;

    if (ans->body.over)
        admin_refuse(ans, MHD_HTTP_INTERNAL_SERVER_ERROR, "the page is larger than %zu bytes",
                     ADMIN_ANSWER_MAX);
    body = buf_steal(&ans->body, &n);
    r = MHD_create_response_from_buffer(n, body, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(body);
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, ans->type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (ans->allow)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, ans->allow);
    if (ans->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    done = MHD_queue_response(c, (unsigned)ans->status, r);
    MHD_destroy_response(r);
    return done;
}

static enum MHD_Result answer(const struct admin *a, struct MHD_Connection *c, const char *method,
                              const char *path, bool too_large)
{
    struct admin_answer ans = {
        .status = MHD_HTTP_OK, .type = "application/json", .body = BUF_INIT(ADMIN_ANSWER_MAX)};
    enum MHD_Result done = MHD_NO;

    if (too_large)
        admin_refuse(&ans, MHD_HTTP_CONTENT_TOO_LARGE, "no request needs more than %d bytes",
                     ADMIN_BODY_MAX);
    else
        make_page(a, c, method, path, &ans);
    done = send_answer(c, &ans);
    buf_done(&ans.body);
    return done;
}

static struct client *client_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* Called when the headers are there, for each piece of the body, and at its end. A request whose announced
 * body is too large is answered at once, which closes the connection. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    struct client *cl = client_of(c);
    const char *length = header(c, MHD_HTTP_HEADER_CONTENT_LENGTH);

    (void)version;
    (void)upload;
    (void)request;
    if (!cl)
        return MHD_NO;
    if (!cl->started) {
        cl->started = true;
        if (length && strtoull(length, NULL, 10) > ADMIN_BODY_MAX)
            return answer(arg, c, method, url, true);
        return MHD_YES;
    }
    if (*upload_size == 0)
        return answer(arg, c, method, url, false);
    cl->body += *upload_size;
    *upload_size = 0;
    return cl->body > ADMIN_BODY_MAX ? MHD_NO : MHD_YES;
}

/* ---- connections ---- */

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct admin *a = arg;
    struct client *cl = *context;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (cl)
            cl->connection = NULL;
        return;
    }
    for (cl = a->client; cl < a->client + ADMIN_CONNECTIONS && cl->connection; cl++)
        ;
    if (cl == a->client + ADMIN_CONNECTIONS)
        return; /* the library takes no more than that; without a client nothing is answered */
    *cl = (struct client){.connection = c, .since_us = clock_mono_us()};
    *context = cl;
}

/* Shuts down the sockets of connections that take too long. The library sees that they have ended. */
static void cut_old(struct admin *a, int64_t now_us)
{
    for (size_t i = 0; i < ADMIN_CONNECTIONS; i++) {
        struct client *cl = &a->client[i];
        const union MHD_ConnectionInfo *info = NULL;

        if (!cl->connection || cl->cut || now_us - cl->since_us < ADMIN_SECONDS * 1000000LL)
            continue;
        info = MHD_get_connection_info(cl->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        cl->cut = true;
        if (info)
            shutdown(info->connect_fd, SHUT_RDWR);
    }
}

static int wait_ms(struct admin *a)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;

    if (MHD_get_timeout(a->daemon, &ms) == MHD_YES && ms < LOOK_MS)
        return (int)ms;
    return LOOK_MS; /* without clients, too: at its limit the library listens again at the next run only */
}

static void *run(void *arg)
{
    struct admin *a = arg;

    pthread_setname_np(pthread_self(), "admin");
    while (!__atomic_load_n(&a->stop, __ATOMIC_ACQUIRE)) {
        struct pollfd fds[2] = {{.fd = a->epoll_fd, .events = POLLIN},
                                {.fd = a->wake_fd, .events = POLLIN}};

        poll(fds, 2, wait_ms(a));
        cut_old(a, clock_mono_us());
        MHD_run(a->daemon);
    }
    return NULL;
}

/* ---- start and stop ---- */

/* What the library has to say is about clients, and of no use at another level. */
static void on_log(void *arg, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_log(void *arg, const char *fmt, va_list ap)
{
    char text[300], quoted[600];

    (void)arg;
    if (!log_wants(LOG_DEBUG))
        return;
    vsnprintf(text, sizeof text, fmt, ap);
    log_debug("admin port", "text=%s", log_quote(text, quoted, sizeof quoted));
}

static int open_listener(struct admin *a, struct err *e)
{
    const struct listen_at *at = &a->setup.at;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    struct sockaddr *address = at->v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t size = at->v6 ? sizeof v6 : sizeof v4;
    int one = 1;

    inet_pton(AF_INET, at->host, &v4.sin_addr);
    inet_pton(AF_INET6, at->host, &v6.sin6_addr);
    a->listener = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->listener < 0 || setsockopt(a->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(a->listener, address, size) || listen(a->listener, BACKLOG) ||
        getsockname(a->listener, address, &size))
        return err_set(e, EX_UNAVAILABLE, "observability.listen: cannot listen on %s port %u: %s%s",
                       at->host, at->port, strerror(errno),
                       errno == EADDRINUSE ? "; another worker may have it, choose another port"
                                           : "");
    a->port = ntohs(at->v6 ? v6.sin6_port : v4.sin_port);
    return 0;
}

static int open_daemon(struct admin *a, struct err *e)
{
    const union MHD_DaemonInfo *info = NULL;

    a->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, a, MHD_OPTION_EXTERNAL_LOGGER,
        on_log, NULL, MHD_OPTION_LISTEN_SOCKET, a->listener, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)ADMIN_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)ADMIN_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, a, MHD_OPTION_END);
    if (!a->daemon)
        return err_set(e, EX_OSERR, "observability.listen: the HTTP server does not start: %s",
                       strerror(errno));
    a->listener = -1; /* the library closes it from here on */
    info = MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    a->epoll_fd = info ? info->epoll_fd : -1;
    a->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (a->epoll_fd < 0 || a->wake_fd < 0)
        return err_set(e, EX_OSERR, "observability.listen: no descriptors left");
    return 0;
}

struct admin *admin_start(const struct admin_setup *setup, struct err *e)
{
    struct admin *a = mem_alloc(sizeof *a);

    a->setup = *setup;
    a->listener = a->wake_fd = a->epoll_fd = -1;
    sha256_of(setup->token, strlen(setup->token), a->token);
    if (open_listener(a, e) < 0 || open_daemon(a, e) < 0)
        return admin_stop(a);
    if (pthread_create(&a->thread, NULL, run, a)) {
        err_set(e, EX_OSERR, "observability.listen: cannot start a thread");
        return admin_stop(a);
    }
    a->started = true;
    return a;
}

uint16_t admin_port(const struct admin *a)
{
    return a->port;
}

struct admin *admin_stop(struct admin *a)
{
    uint64_t one = 1;

    if (!a)
        return NULL;
    if (a->started) {
        __atomic_store_n(&a->stop, true, __ATOMIC_RELEASE);
        if (write(a->wake_fd, &one, sizeof one) < 0)
            log_error("the admin thread cannot be woken", "errno=%d", errno);
        pthread_join(a->thread, NULL);
    }
    if (a->daemon)
        MHD_stop_daemon(a->daemon);
    if (a->listener >= 0)
        close(a->listener);
    if (a->wake_fd >= 0)
        close(a->wake_fd);
    free(a);
    return NULL;
}
