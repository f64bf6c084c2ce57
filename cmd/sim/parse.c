/* parse: fills in a request from libhttp-parser's callbacks; see parse.h. Sends nothing but "continue". */
#include "cmd/sim/parse.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* Appends to a fixed text; -1 when it does not fit. */
static int add(char *to, size_t cap, const char *p, size_t n)
{
    size_t len = strnlen(to, cap);

    if (len + n >= cap)
        return -1;
    memcpy(to + len, p, n);
    to[len + n] = 0;
    return 0;
}

static int on_url(http_parser *parser, const char *p, size_t n)
{
    struct sim_conn *c = parser->data;

    if (add(c->url, sizeof c->url, p, n) < 0)
        c->refuse = 414;
    return c->refuse ? -1 : 0;
}

static int on_field(http_parser *parser, const char *p, size_t n)
{
    struct sim_conn *c = parser->data;

    if (c->in_value)
        c->name[0] = 0;
    c->in_value = false;
    add(c->name, sizeof c->name, p, n); /* longer names are none of ours */
    return 0;
}

static enum sim_head which(const struct sim_conn *c)
{
    if (strcasecmp(c->name, "authorization") == 0)
        return SIM_HEAD_AUTH;
    if (strcasecmp(c->name, "x-api-key") == 0 || strcasecmp(c->name, "api-key") == 0 ||
        strcasecmp(c->name, "x-goog-api-key") == 0)
        return SIM_HEAD_KEY;
    if (strcasecmp(c->name, "expect") == 0)
        return SIM_HEAD_EXPECT;
    return strcasecmp(c->name, c->loop->setup->count_header) == 0 ? SIM_HEAD_COUNT : SIM_HEAD_OTHER;
}

static int on_value(http_parser *parser, const char *p, size_t n)
{
    struct sim_conn *c = parser->data;
    bool first = !c->in_value;

    if (first) {
        c->head = which(c);
        c->in_value = true;
    }
    switch (c->head) {
    case SIM_HEAD_AUTH:
    case SIM_HEAD_KEY:
        if (first)
            c->key[0] = 0;
        add(c->key, sizeof c->key, p, n);
        break;
    case SIM_HEAD_EXPECT:
        add(c->expect, sizeof c->expect, p, n);
        break;
    case SIM_HEAD_COUNT:
        add(c->count, sizeof c->count, p, n);
        break;
    case SIM_HEAD_OTHER:
        break;
    }
    return 0;
}

/* Of "AWS4-HMAC-SHA256 Credential=KEYID/DATE/...", the key id counts as the key. */
static void keep_key_id(struct sim_conn *c)
{
    static const char head[] = "AWS4-HMAC-SHA256 Credential=";
    size_t n = 0;

    if (strncmp(c->key, head, sizeof head - 1) != 0)
        return;
    n = strcspn(c->key + sizeof head - 1, "/");
    memmove(c->key, c->key + sizeof head - 1, n);
    c->key[n] = 0;
}

static int on_headers(http_parser *parser)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct sim_conn *c = parser->data;

    if (parser->method != HTTP_GET && parser->method != HTTP_POST)
        c->refuse = 405;
    if ((parser->flags & F_CONTENTLENGTH) && parser->content_length > c->loop->setup->body_max)
        c->refuse = 413;
    if (c->refuse)
        return -1;
    if (strncasecmp(c->key, "bearer ", 7) == 0)
        memmove(c->key, c->key + 7, strlen(c->key + 7) + 1);
    else
        keep_key_id(c);
    /* So short that it fits; if it does not, the client goes on by itself after a moment. */
    if (strcasecmp(c->expect, "100-continue") == 0)
        (void)!send(c->fd, go_on, sizeof go_on - 1, MSG_NOSIGNAL);
    return 0;
}

/* Moves the part of the body that lies in the read buffer to memory of our own. */
static int keep_view(struct sim_conn *c)
{
    if (c->view && buf_append(&c->body, c->view, c->view_len) < 0)
        c->refuse = 413;
    c->view = NULL;
    return c->refuse ? -1 : 0;
}

static int on_body(http_parser *parser, const char *p, size_t n)
{
    struct sim_conn *c = parser->data;

    if (!c->view && c->body.len == 0 && n <= c->loop->setup->body_max) {
        c->view = p;
        c->view_len = n;
        return 0;
    }
    if (keep_view(c) < 0)
        return -1;
    if (buf_append(&c->body, p, n) < 0)
        c->refuse = 413;
    return c->refuse ? -1 : 0;
}

static int on_complete(http_parser *parser)
{
    struct sim_conn *c = parser->data;

    c->complete = true;
    http_parser_pause(parser, 1); /* what follows is the next request */
    return 0;
}

void sim_parse_start(struct sim_conn *c)
{
    http_parser_init(&c->parser, HTTP_REQUEST);
    c->parser.data = c;
    c->url[0] = c->name[0] = c->key[0] = c->count[0] = c->expect[0] = 0;
    c->in_value = c->complete = false;
    c->refuse = 0;
    c->view = NULL;
}

size_t sim_parse_feed(struct sim_conn *c, const char *p, size_t n)
{
    static const http_parser_settings settings = {.on_url = on_url,
                                                  .on_header_field = on_field,
                                                  .on_header_value = on_value,
                                                  .on_headers_complete = on_headers,
                                                  .on_body = on_body,
                                                  .on_message_complete = on_complete};
    size_t used = http_parser_execute(&c->parser, &settings, p, n);

    if (c->complete || c->refuse)
        return used;
    if (HTTP_PARSER_ERRNO(&c->parser) == HPE_HEADER_OVERFLOW)
        c->refuse = 431;
    else if (HTTP_PARSER_ERRNO(&c->parser) != HPE_OK || c->parser.upgrade)
        c->refuse = 400;
    else
        keep_view(c);
    return used;
}
