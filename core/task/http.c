/* http: plain data of HTTP calls. It must not do I/O. */
#include "task/http.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void http_request_init(struct http_request *r, size_t body_max)
{
    *r = (struct http_request){0};
    buf_init(&r->body, body_max);
}

void http_request_done(struct http_request *r)
{
    int i = 0;

    if (!r)
        return;
    for (i = 0; i < r->nheaders; i++) {
        explicit_bzero(r->headers[i].value, strlen(r->headers[i].value));
        free(r->headers[i].value);
        free(r->headers[i].name);
    }
    free(r->url);
    buf_done(&r->body);
    r->url = NULL;
    r->nheaders = 0;
}

int http_request_header(struct http_request *r, const char *name, const char *fmt, ...)
{
    struct buf value = BUF_INIT(8192);
    char text[8192];
    va_list ap;
    int n = 0;
    int i = 0;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text || r->nheaders == HTTP_HEADERS_MAX)
        return -1;
    for (i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return -1;
    }
    if (buf_append(&value, text, (size_t)n) < 0)
        return -1;
    explicit_bzero(text, (size_t)n);
    r->headers[r->nheaders].name = mem_strdup(name);
    r->headers[r->nheaders].value = buf_steal(&value, NULL);
    r->nheaders++;
    return 0;
}

void http_response_init(struct http_response *r, size_t headers_max, size_t body_max)
{
    *r = (struct http_response){0};
    buf_init(&r->headers, headers_max);
    buf_init(&r->body, body_max);
}

void http_response_done(struct http_response *r)
{
    if (!r)
        return;
    buf_done(&r->headers);
    buf_done(&r->body);
}

const char *http_response_header(const struct http_response *r, const char *name, char *out,
                                 size_t cap)
{
    const char *line = r->headers.data;
    size_t name_len = strlen(name);

    while (line && *line) {
        const char *end = strchr(line, '\n');
        size_t n = end ? (size_t)(end - line) : strlen(line);

        if (n > name_len + 1 && memcmp(line, name, name_len) == 0 && line[name_len] == ':') {
            const char *v = line + name_len + 1;

            while (*v == ' ')
                v++;
            snprintf(out, cap, "%.*s", (int)(n - (size_t)(v - line)), v);
            return out;
        }
        line = end ? end + 1 : NULL;
    }
    return NULL;
}
