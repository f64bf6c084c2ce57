/*
 * mem: allocation that does not fail, and the cleanup attributes.
 *
 * When memory is gone the process says so and aborts: every task it held is either in the topic (and
 * comes again) or durable in the store, so that dying is safe and half-working is not. Sizes that
 * come from outside are bounded before they get here (struct buf, configuration).
 */
#ifndef SLUICE_BASE_MEM_H
#define SLUICE_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

void *mem_alloc(size_t size);                       /* zeroed; never NULL */
void *mem_array(size_t count, size_t size);         /* zeroed; aborts on overflow */
void *mem_grow(void *p, size_t count, size_t size); /* realloc of an array; new part not zeroed */
char *mem_strdup(const char *s);                    /* NULL gives NULL */
void *mem_dup(const void *p, size_t n); /* n bytes and a NUL behind them; p NULL gives NULL */

/* Most are NULL at the end of their scope: that is not worth a call. */
static inline void mem_free_cleanup(void *p)
{
    if (*(void **)p)
        free(*(void **)p);
}

/* Frees the pointer at the end of its scope. */
#define CLEANUP_FREE __attribute__((cleanup(mem_free_cleanup)))

/* Calls fn(&variable) at the end of the variable's scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Hands ownership over: gives the pointer's value and sets the pointer to NULL. */
#define STEAL(p)                                                                                   \
    ({                                                                                             \
        __typeof__(p) *steal_at_ = &(p);                                                           \
        __typeof__(p) steal_value_ = *steal_at_;                                                   \
        *steal_at_ = NULL;                                                                         \
        steal_value_;                                                                              \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
