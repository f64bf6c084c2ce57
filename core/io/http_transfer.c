/*
 * http_transfer: one easy handle: what a call sets on it, what its callbacks keep, how its end is
 * named.
 *
 * Handles are reused and only what differs from the call before is set again. The request body is
 * not copied: the call outlives the transfer. Header values hold keys, so the text made of them
 * is wiped when the call is over, and redirects, cookies, netrc and credentials of other origin
 * are all off: a key is sent to the URL's host and nowhere else.
 *
 * A signature (core/policy/sigv4.h) is made when a call is set on its handle, and is the only thing that
 * asks for the time.
 *
 * A keep-alive connection that the server had closed before it sent one byte of an answer is
 * replaced and the request sent again by libcurl itself; such a loss is not reported. On a fresh
 * connection it is HTTP_RESET.
 *
 * The callbacks run inside libcurl and must not call its multi functions.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/http_int.h"
#include "policy/sigv4.h"

#define HEADER_TEXT_MAX ((HTTP_HEADERS_MAX + HTTP_HEADERS_OURS) * (8192 + 256))
#define DEFAULT_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

#define JSON_TYPE "application/json"

static char content_type[] = "Content-Type: " JSON_TYPE;
static char no_expect[] = "Expect:";

static bool is_status_line(const char *p, size_t n)
{
    return n > 5 && memcmp(p, "HTTP/", 5) == 0;
}

/* One header line as "name: value\n", the name in lower case, bytes that end lines made spaces. */
static void keep_header(struct buf *out, const char *p, size_t n)
{
    const char *colon = memchr(p, ':', n);
    const char *value = NULL;
    size_t i = 0;

    while (n && (p[n - 1] == '\r' || p[n - 1] == '\n' || p[n - 1] == ' '))
        n--;
    if (!colon || colon == p || *p == ' ' || *p == '\t' || colon >= p + n)
        return;
    if (n + 3 > out->max - out->len)
        return;
    for (; p + i < colon; i++)
        buf_char(out, (char)tolower((unsigned char)p[i]));
    buf_str(out, ": ");
    for (value = colon + 1; value < p + n && (*value == ' ' || *value == '\t'); value++)
        ;
    for (; value < p + n; value++)
        buf_char(out, *value == '\n' || *value == '\r' || *value == '\0' ? ' ' : *value);
    buf_char(out, '\n');
}

static size_t on_header(char *p, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t n = size * count;
    long status = 0;

    t->header_bytes += n;
    if (t->header_bytes > HTTP_HEADER_FLOOD) {
        t->too_large = true;
        return 0;
    }
    if (is_status_line(p, n)) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        t->final = status >= 200;
        buf_clear(&t->call->response.headers);
    } else if (t->final && !t->body_begun) {
        keep_header(&t->call->response.headers, p, n);
    }
    return n;
}

static size_t on_body(char *p, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    struct buf *body = &t->call->response.body;
    size_t n = size * count;
    size_t room = body->max - body->len;

    t->body_begun = true;
    buf_append(body, p, n < room ? n : room);
    if (n <= room)
        return n;
    t->too_large = true;
    return 0;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *t = arg;
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    fds_opened(&t->shard->h->fds, fd);
    http_warmed(t->shard->h, t);
    return fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct http *h = arg;

    fds_closed(&h->fds, fd);
    return close(fd);
}

/* A connection is there, new or reused, and the request is about to be sent. */
static int on_ready(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct transfer *t = arg;

    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    http_warmed(t->shard->h, t);
    return CURL_PREREQFUNC_OK;
}

static void set_callbacks(struct transfer *t)
{
    CURL *c = t->easy;

    curl_easy_setopt(c, CURLOPT_PRIVATE, t);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(c, CURLOPT_CLOSESOCKETDATA, t->shard->h); /* outlives the handle */
    curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_ready);
    curl_easy_setopt(c, CURLOPT_PREREQDATA, t);
}

static void set_constants(struct transfer *t)
{
    CURL *c = t->easy;

    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver thread */
    curl_easy_setopt(c, CURLOPT_SHARE, t->shard->h->share);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 4096L); /* each call in flight holds one */
    curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
    curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
    if (!t->shard->h->use_proxy) {
        curl_easy_setopt(c, CURLOPT_PROXY, "");
        curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    }
    /* Only without a directory does libcurl keep the parsed CA file: 18 ms a connection else. */
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(c, CURLOPT_CAINFO, DEFAULT_CA_FILE);
    t->ca_file = mem_strdup(DEFAULT_CA_FILE);
    t->tls_verify = true;
}

struct transfer *transfer_new(struct shard *s)
{
    struct transfer *t = mem_alloc(sizeof *t);

    t->shard = s;
    buf_init(&t->header_text, HEADER_TEXT_MAX);
    t->easy = curl_easy_init();
    if (!t->easy)
        return transfer_free(t);
    set_callbacks(t);
    set_constants(t);
    return t;
}

struct transfer *transfer_free(struct transfer *t)
{
    if (!t)
        return NULL;
    curl_easy_cleanup(t->easy);
    buf_done(&t->header_text);
    free(t->ca_file);
    free(t);
    return NULL;
}

static bool is_token(const char *s)
{
    const char *p = s;

    while (isalnum((unsigned char)*p) || (*p && strchr("!#$%&'*+-.^_`|~", *p)))
        p++;
    return *p == '\0' && p != s;
}

static int refuse(struct http_call *c, const char *why)
{
    snprintf(c->response.detail, sizeof c->response.detail, "%.150s", why);
    c->response.end = HTTP_INTERNAL;
    return -1;
}

static size_t line_room(const char *name, const char *value)
{
    return strlen(name) + strlen(value) + 3;
}

/* One line of t->headers, of which *n are used. There must be room for its text. */
static void add_line(struct transfer *t, const char *name, const char *value, int *n)
{
    t->headers[(*n)++].data = t->header_text.data + t->header_text.len;
    buf_str(&t->header_text, name);
    /* libcurl takes "name:" as an order to leave the header out, "name;" as an empty value. */
    buf_str(&t->header_text, *value ? ": " : ";");
    buf_str(&t->header_text, value);
    buf_char(&t->header_text, '\0');
}

/* The signature goes with this sending only: it holds the time. Fills at most four lines. */
static int sign(const struct http_call *c, struct sigv4 *s, struct http_header lines[4], int *ret_n,
                struct err *e)
{
    const struct http_request *r = &c->request;
    int n = 0;

    *ret_n = 0;
    if (!r->aws.key_id)
        return 0;
    if (sigv4_sign(r, r->get ? NULL : JSON_TYPE, clock_wall_ms(), s, e) < 0)
        return -1;
    lines[n++] = (struct http_header){(char *)"Host", s->host};
    lines[n++] = (struct http_header){(char *)"X-Amz-Date", s->date};
    lines[n++] = (struct http_header){(char *)"Authorization", s->authorization};
    if (r->aws.token)
        lines[n++] = (struct http_header){(char *)"X-Amz-Security-Token", (char *)r->aws.token};
    *ret_n = n;
    return 0;
}

/* The text is reserved whole before it is written: the list points into it, and growing would leave
 * copies of keys behind. */
static int set_headers(struct transfer *t, struct http_call *c)
{
    const struct http_request *r = &c->request;
    struct http_header lines[4];
    struct sigv4 signature;
    struct err e = {0};
    size_t need = 0;
    int nlines = 0;
    int i = 0;
    int n = 0;

    if (sign(c, &signature, lines, &nlines, &e) < 0)
        return refuse(c, e.msg);
    for (i = 0; i < r->nheaders; i++)
        need += line_room(r->headers[i].name, r->headers[i].value);
    for (i = 0; i < nlines; i++)
        need += line_room(lines[i].name, lines[i].value);
    if (buf_reserve(&t->header_text, need) < 0)
        return refuse(c, "request headers are too large: send less of them");
    for (i = 0; i < r->nheaders; i++) {
        if (!is_token(r->headers[i].name))
            return refuse(c, "a request header's name has characters that names may not have");
        add_line(t, r->headers[i].name, r->headers[i].value, &n);
    }
    for (i = 0; i < nlines; i++)
        add_line(t, lines[i].name, lines[i].value, &n);
    if (!r->get)
        t->headers[n++].data = content_type;
    t->headers[n++].data = no_expect;
    for (i = 0; i < n; i++)
        t->headers[i].next = i + 1 < n ? &t->headers[i + 1] : NULL;
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    return 0;
}

static void set_url(struct transfer *t, struct http_call *c, struct url *url)
{
    if (url && t->url == url)
        return;
    t->url = url;
    curl_easy_setopt(t->easy, CURLOPT_CURLU, url ? url->parsed : NULL);
    curl_easy_setopt(t->easy, CURLOPT_URL, url ? NULL : c->request.url);
}

static void set_tls(struct transfer *t, const struct http_call *c)
{
    const char *ca_file = c->ca_file ? c->ca_file : DEFAULT_CA_FILE;

    if (strcmp(ca_file, t->ca_file) != 0) {
        free(t->ca_file);
        t->ca_file = mem_strdup(ca_file);
        curl_easy_setopt(t->easy, CURLOPT_CAINFO, ca_file);
    }
    if (c->tls_verify == t->tls_verify)
        return;
    t->tls_verify = c->tls_verify;
    curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, c->tls_verify ? 1L : 0L);
    curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, c->tls_verify ? 2L : 0L);
}

/* 0 for a time would mean none, or 300 s for connecting; the least is 1 ms. */
static long at_least_1(int64_t ms)
{
    return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (long)ms;
}

int transfer_set(struct transfer *t, struct http_call *c, struct url *url)
{
    const struct http_request *r = &c->request;

    t->call = c;
    if (set_headers(t, c) < 0)
        return -1;
    set_url(t, c, url);
    set_tls(t, c);
    if (r->get) {
        curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, r->body.data ? r->body.data : "");
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    }
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, at_least_1(r->timeout_ms));
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, at_least_1(r->connect_timeout_ms));
    return 0;
}

static enum http_end end_of_timeout(const struct transfer *t)
{
    long sent = 0;

    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0 ? HTTP_TIMEOUT : HTTP_CONNECT;
}

static enum http_end end_of(const struct transfer *t, CURLcode code)
{
    if (t->too_large)
        return HTTP_TOO_LARGE;
    switch (code) {
    case CURLE_OK:
        return HTTP_DONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HTTP_RESOLVE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_PROXY:
        return HTTP_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_INITFAILED:
        return HTTP_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return end_of_timeout(t);
    case CURLE_OUT_OF_MEMORY: /* libcurl's word for one header line over 100 KB */
        return t->final ? HTTP_TOO_LARGE : HTTP_INTERNAL;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        return t->final ? HTTP_CUT : HTTP_RESET;
    case CURLE_PARTIAL_FILE:
    case CURLE_UNSUPPORTED_PROTOCOL: /* the scheme was checked: the answer is no HTTP */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return HTTP_CUT;
    default:
        return HTTP_INTERNAL;
    }
}

void transfer_end(struct transfer *t, CURLcode code)
{
    struct http_response *r = &t->call->response;

    r->end = end_of(t, code);
    if (t->final)
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &r->status);
    if (r->end == HTTP_TOO_LARGE)
        snprintf(r->detail, sizeof r->detail,
                 "the response is larger than allowed (%zu bytes); reading stopped", r->body.max);
    else if (r->end != HTTP_DONE)
        snprintf(r->detail, sizeof r->detail, "%.150s",
                 t->error[0] ? t->error : curl_easy_strerror(code));
}

void transfer_clear(struct transfer *t)
{
    if (t->header_text.len)
        explicit_bzero(t->header_text.data, t->header_text.len);
    buf_clear(&t->header_text);
    t->call = NULL;
    t->cold = false;
    t->final = false;
    t->body_begun = false;
    t->too_large = false;
    t->header_bytes = 0;
    t->error[0] = '\0';
}
