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

int buf_append(struct buf *b, const void *p, size_t n);
int buf_str(struct buf *b, const char *s);
int buf_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_json_str(struct buf *b, const char *s, size_t n); /* quoted and escaped; s must be UTF-8 */
int buf_reserve(struct buf *b, size_t extra);             /* room for extra more bytes */

/* Gives the bytes away (NUL-terminated, to be freed) and leaves the buf empty. Never NULL. */
char *buf_steal(struct buf *b, size_t *ret_len);

#endif
