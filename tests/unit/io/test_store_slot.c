/* Slots: one holder each, first free one first, an id that stays. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

#include "store_fixture.h"

Test(slot, first_free_one_is_taken_and_ids_stay)
{
    char *root = fixture_dir(), below[200], id0[33];
    struct slot a, b, c;
    struct err e = {0};

    snprintf(below, sizeof below, "%s/made/here", root);
    cr_assert_eq(slot_take(&a, below, -1, &e), 0, "%s", e.msg);
    cr_assert_eq(slot_take(&b, below, -1, &e), 0, "%s", e.msg);
    cr_expect_eq(a.number, 0);
    cr_expect_eq(b.number, 1);
    cr_expect_eq(strlen(a.id), 32);
    cr_expect_str_neq(a.id, b.id);
    cr_expect(strstr(a.path, "/made/here/slot-0"), "%s", a.path);
    snprintf(id0, sizeof id0, "%s", a.id);

    cr_expect_eq(slot_take(&c, below, 0, &e), STORE_SLOT_BUSY);
    cr_expect(strstr(e.msg, "slot 0"), "%s", e.msg);
    slot_release(&a);
    cr_assert_eq(slot_take(&c, below, -1, &e), 0);
    cr_expect_eq(c.number, 0);
    cr_expect_str_eq(c.id, id0);
    slot_release(&c);
    slot_release(&b);
    fixture_remove(root);
}

static void *release_soon(void *slot)
{
    poll(NULL, 0, 60);
    slot_release(slot);
    return NULL;
}

Test(slot, one_that_is_just_being_left_is_waited_for)
{
    char *root = fixture_dir(), id[33];
    struct slot dying, next;
    struct err e = {0};
    pthread_t thread;

    cr_assert_eq(slot_take(&dying, root, -1, &e), 0, "%s", e.msg);
    snprintf(id, sizeof id, "%s", dying.id);
    cr_assert_eq(pthread_create(&thread, NULL, release_soon, &dying), 0);
    cr_assert_eq(slot_take(&next, root, -1, &e), 0, "%s", e.msg);
    pthread_join(thread, NULL);
    cr_expect_eq(next.number, 0);
    cr_expect_str_eq(next.id, id);
    slot_release(&next);
    fixture_remove(root);
}

Test(slot, wanted_one_is_taken)
{
    char *root = fixture_dir();
    struct slot s;
    struct err e = {0};

    cr_assert_eq(slot_take(&s, root, 7, &e), 0, "%s", e.msg);
    cr_expect_eq(s.number, 7);
    slot_release(&s);
    slot_release(&s);
    cr_expect_eq(slot_take(&s, root, 256, &e), -1);
    fixture_remove(root);
}

Test(slot, damaged_ids_are_explained)
{
    static const char *const ids[] = {"", "abc\n", "0123456789abcdef0123456789abcdeX\n",
                                      "0123456789abcdef0123456789abcdef",
                                      "0123456789abcdef0123456789abcdef\nmore"};
    char *root = fixture_dir(), path[200];
    struct slot s;

    snprintf(path, sizeof path, "%s/slot-0", root);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/slot-0/id", root);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct err e = {0};
        FILE *f = fopen(path, "w");

        fputs(ids[i], f);
        fclose(f);
        cr_expect_eq(slot_take(&s, root, -1, &e), -1, "%zu", i);
        cr_expect(strstr(e.msg, "damaged") && strstr(e.msg, path), "%s", e.msg);
        cr_expect_eq(s.lock_fd, -1);
    }
    fixture_remove(root);
}

Test(slot, places_that_cannot_be_used_are_explained)
{
    char long_path[700];
    struct slot s;
    struct err e = {0};

    memset(long_path, 'x', sizeof long_path);
    memcpy(long_path, "/tmp/", 5);
    long_path[sizeof long_path - 1] = 0;
    cr_expect_eq(slot_take(&s, long_path, -1, &e), -1);
    cr_expect(strstr(e.msg, "cache.path"), "%s", e.msg);
    cr_expect_eq(slot_take(&s, "/proc/nowhere", -1, &e), -1);
    cr_expect(strstr(e.msg, "cache.path"), "%s", e.msg);
}
