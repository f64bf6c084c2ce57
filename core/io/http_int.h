/* http_int: what the files of the HTTP engine share; nobody else includes it. */
#ifndef SLUICE_IO_HTTP_INT_H
#define SLUICE_IO_HTTP_INT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/heap.h"
#include "base/list.h"
#include "io/http.h"

#define HTTP_SHARD_CALLS  64  /* transfers of one multi handle at once */
#define HTTP_SHARD_CONNS  128 /* connections one multi handle keeps: room for a second host */
#define HTTP_EVENTS       64  /* epoll events taken at once */
#define HTTP_URLS_MAX     256 /* distinct URLs kept parsed; others are parsed a call */
#define HTTP_HEADERS_OURS 6   /* two of ours and the four of a signature */
#define HTTP_HEADER_FLOOD (1024 * 1024) /* bytes of response headers that end a transfer */
#define HTTP_COLD_MAX     8 /* calls of one URL that may be looking up its host at once */

/* One file descriptor as libcurl wants it watched, and as epoll watches it. */
struct fd_slot {
    struct shard *shard;
    uint32_t want;       /* EPOLLIN | EPOLLOUT; 0: nobody wants it, it may be an idle connection */
    uint32_t registered; /* what epoll has; 0: not there */
    uint32_t generation; /* changes when the number is used for another file */
    bool connection;     /* opened and closed through our callbacks */
    bool dirty;          /* in fds.dirty */
};

struct fds {
    int epoll_fd;
    struct fd_slot *slot; /* by descriptor; its size is bounded by RLIMIT_NOFILE */
    int cap;
    int *dirty;
    int ndirty;
    int dirty_cap;
};

struct fd_event {
    struct shard *shard;
    int fd;
    int bits; /* CURL_CSELECT_* */
};

int fds_init(struct fds *f, struct err *e);
void fds_done(struct fds *f);
void fds_want(struct fds *f, int fd, struct shard *shard, uint32_t want);
void fds_opened(struct fds *f, int fd);
void fds_closed(struct fds *f, int fd);
void fds_flush(struct fds *f); /* tells epoll what changed */
bool fds_event(struct fds *f, const struct epoll_event *ev, struct fd_event *ret);

/* A URL parsed once. At most HTTP_COLD_MAX of its calls are between start and the first sign that
 * the host's address is known; the others wait, so that a burst makes no thread a call. */
struct url {
    char *text;
    CURLU *parsed;
    int cold;
    struct list_node waiting; /* http_call.node */
    struct list_node node;    /* in http.warm while waiting calls may go */
    bool queued;              /* in http.warm */
};

struct urls {
    struct url *slot[HTTP_URLS_MAX * 2];
    int count;
};

void urls_done(struct urls *u);
/* 0; positive URLS_FULL: not kept, use the text; -1: no URL of http or https, said in detail. */
enum { URLS_FULL = 1 };
int urls_get(struct urls *u, const char *text, struct url **ret, char *detail, size_t cap);

/* One easy handle and what is set on it; it belongs to its shard for good. */
struct transfer {
    CURL *easy;
    struct shard *shard;
    struct http_call *call;
    struct list_node node; /* in shard.idle while call is NULL */
    struct url *url;       /* NULL: the last URL was given as text */
    char *ca_file;
    bool tls_verify;
    bool cold;  /* counted in url->cold */
    bool final; /* the status line of the final response arrived */
    bool body_begun;
    bool too_large;
    size_t header_bytes;
    struct buf header_text; /* "name: value\0" ...; holds keys, wiped after each call */
    struct curl_slist headers[HTTP_HEADERS_MAX + HTTP_HEADERS_OURS];
    char error[CURL_ERROR_SIZE];
};

struct transfer *transfer_new(struct shard *s);
struct transfer *transfer_free(struct transfer *t);
int transfer_set(struct transfer *t, struct http_call *c, struct url *url);
void transfer_end(struct transfer *t, CURLcode code); /* fills call->response */
void transfer_clear(struct transfer *t);              /* ready for the next call */

/* One multi handle. */
struct shard {
    struct http *h;
    CURLM *multi;
    int index;
    int running;
    struct heap_node timer;   /* in http.timers; key: monotonic us */
    struct list_node due;     /* in a local list of run_due() */
    struct list_node touched; /* in http.touched: may have messages */
    bool is_touched;
    struct list_node idle; /* transfer.node */
};

struct shard *shard_new(struct http *h, int index);
struct shard *shard_free(struct shard *s);
int shard_start(struct shard *s, struct http_call *c, struct url *url);
void shard_event(struct shard *s, int fd, int bits);  /* CURL_SOCKET_TIMEOUT, 0: its timer */
void shard_collect(struct shard *s);                  /* ended transfers go to http.ended */
void shard_drop(struct shard *s, struct transfer *t); /* a running one, as cancelled */

struct http {
    struct http_conf conf;
    struct fds fds;
    int wake_fd;
    CURLSH *share;  /* the address cache of all shards */
    bool use_proxy; /* the environment names one: libcurl decides */
    bool closing;
    int running; /* started and not yet done() */
    int nshards;
    int shards_max;
    int first_room; /* no shard below it has room */
    struct shard **shard;
    struct heap timers;
    struct list_node calls;   /* running calls; http_call.node */
    struct list_node ended;   /* calls whose done() is due; http_call.node */
    struct list_node touched; /* shards to collect from */
    struct list_node warm;    /* URLs whose waiting calls may go */
    struct urls urls;
};

/* The host's address of t's URL is known, or t is over. */
void http_warmed(struct http *h, struct transfer *t);
/* Takes the call out of its list; done() follows. */
void http_ended(struct http *h, struct http_call *c, enum http_end end);

#endif
