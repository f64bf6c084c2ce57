/* list: order, removal from the middle, and handing over whole lists. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/list.h"

struct item {
    char name;
    struct list_node node;
};

static struct item items[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};

/* Names in order, walked both ways. */
static const char *names(struct list_node *head)
{
    static char out[16];
    struct list_node *n = NULL;
    size_t len = 0;

    for (n = head->next; n != head; n = n->next)
        out[len++] = CONTAINER_OF(n, struct item, node)->name;
    out[len] = '\0';
    for (n = head->prev; n != head; n = n->prev)
        cr_assert_eq(CONTAINER_OF(n, struct item, node)->name, out[--len]);
    return out;
}

Test(list, push_pop_remove)
{
    struct list_node head;

    list_init(&head);
    cr_expect(list_empty(&head));
    cr_expect_null(list_pop(&head));
    list_push(&head, &items[1].node);
    list_push(&head, &items[2].node);
    list_push_front(&head, &items[0].node);
    list_push(&head, &items[3].node);
    cr_expect_str_eq(names(&head), "abcd");
    list_remove(&items[1].node);
    cr_expect_null(items[1].node.next);
    cr_expect_str_eq(names(&head), "acd");
    cr_expect_eq(list_pop(&head), &items[0].node);
    cr_expect_str_eq(names(&head), "cd");
}

Test(list, splice_and_detach)
{
    struct list_node from;
    struct list_node to;

    list_init(&from);
    list_init(&to);
    list_splice(&to, &from);
    cr_expect(list_empty(&to), "nothing from nothing");
    list_push(&to, &items[0].node);
    list_push(&from, &items[1].node);
    list_push(&from, &items[2].node);
    list_splice(&to, &from);
    cr_expect_str_eq(names(&to), "abc");
    cr_expect(list_empty(&from));
    list_detach(&to, &from);
    cr_expect(list_empty(&to));
    cr_expect_str_eq(names(&from), "abc");
    list_detach(&to, &from);
    cr_expect(list_empty(&from), "the target is initialised, not appended to");
}

Test(list, detach_some)
{
    struct list_node from;
    struct list_node to;

    list_init(&from);
    list_detach_some(&from, &to, 2);
    cr_expect(list_empty(&to), "nothing from nothing");
    for (size_t i = 0; i < 3; i++)
        list_push(&from, &items[i].node);
    list_detach_some(&from, &to, 2);
    cr_expect_str_eq(names(&to), "ab");
    cr_expect_str_eq(names(&from), "c");
    list_detach_some(&from, &to, 2);
    cr_expect_str_eq(names(&to), "c");
    cr_expect(list_empty(&from));
}
