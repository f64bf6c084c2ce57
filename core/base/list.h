/*
 * list: intrusive doubly linked lists.
 *
 * An element embeds a struct list_node and is in one list at a time. A list head is a node that links
 * to itself. list_detach() takes a whole list away in constant time, which is how threads hand work
 * over: push under a lock, detach everything under the lock, work on it unlocked.
 */
#ifndef SLUICE_BASE_LIST_H
#define SLUICE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *next;
    struct list_node *prev;
};

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list_node *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool list_empty(const struct list_node *head)
{
    return head->next == head;
}

static inline void list_push(struct list_node *head, struct list_node *n) /* at the tail */
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}

static inline void list_push_front(struct list_node *head, struct list_node *n)
{
    list_push(head->next, n);
}

static inline void list_remove(struct list_node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->next = NULL;
    n->prev = NULL;
}

static inline struct list_node *list_pop(struct list_node *head) /* from the front; NULL: empty */
{
    struct list_node *n = head->next;

    if (n == head)
        return NULL;
    list_remove(n);
    return n;
}

/* Appends all of `from` to `to` and leaves `from` empty. */
static inline void list_splice(struct list_node *to, struct list_node *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* Moves all of `from` into `to`, which is initialised here. */
static inline void list_detach(struct list_node *from, struct list_node *to)
{
    list_init(to);
    list_splice(to, from);
}

/* The same for no more than the first `most` of them. */
static inline void list_detach_some(struct list_node *from, struct list_node *to, size_t most)
{
    list_init(to);
    while (most-- > 0 && !list_empty(from))
        list_push(to, list_pop(from));
}

#endif
