/*
 * buf: a growing byte string that is born with its maximum.
 *
 * data is always NUL-terminated once something was appended. Appending past max fails with -1, leaves
 * the content as it was and sets `over`, so that a chain of appends may be checked once at its end.
 */
#ifndef SLUICE_BASE_BUF_H
#define SLUICE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buf {
    char *data; /* NULL while empty and never grown */
    size_t len; /* bytes used, without the NUL */
    size_t cap; /* bytes allocated */
    size_t max; /* len never exceeds this */
    bool over;  /* an append was refused */
};

#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  /* frees the memory; the buf may be used again */
void buf_clear(struct buf *b); /* empties it, keeps the memory */

int buf_reserve(struct buf *b, size_t extra); /* room for extra more bytes */

/* Inline, so that a text that is known to the compiler costs a few moves: replies and spans are made of them. */
__attribute__((always_inline)) static inline int buf_append(struct buf *b, const void *p, size_t n)
{
    if (n >= b->cap - b->len && buf_reserve(b, n) < 0)
        return -1;
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
    return 0;
}

__attribute__((always_inline)) static inline int buf_str(struct buf *b, const char *s)
{
    return buf_append(b, s, strlen(s));
}

static inline int buf_char(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_json_str(struct buf *b, const char *s, size_t n); /* quoted and escaped; s must be UTF-8 */

/* Gives the bytes away (NUL-terminated, to be freed) and leaves the buf empty. Never NULL. */
char *buf_steal(struct buf *b, size_t *ret_len);

#endif
