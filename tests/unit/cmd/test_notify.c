/* notify: what is said in each state, which names are sockets, and that a lost READY is said again. */
#include "cmd/notify.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GOOD .member = true, .producer = true, .store = true

Test(notify, text_of_each_state)
{
    static const struct {
        struct notify_view view;
        const char *text;
    } rows[] = {
        {{.signs = {.producer = true, .store = true}, .alive = true, .first = true},
         "EXTEND_TIMEOUT_USEC=60000000\nWATCHDOG=1\n"
         "STATUS=not ready: not_member; 0 partitions, 0 records open\n"},
        {{.signs = {GOOD}, .alive = true, .first = true, .partitions = 4, .open = 7},
         "READY=1\nWATCHDOG=1\nSTATUS=ready; 4 partitions, 7 records open\n"},
        {{.signs = {GOOD}, .alive = true, .partitions = 4, .open = 9},
         "WATCHDOG=1\nSTATUS=ready; 4 partitions, 9 records open\n"},
        {{.signs = {.member = true, .paused = true}, .alive = true, .partitions = 4},
         "WATCHDOG=1\nSTATUS=not ready: producer_not_ready store_failing paused; "
         "4 partitions, 0 records open\n"},
        /* One that hangs gets neither more time nor another round of the watchdog. */
        {{.signs = {GOOD}, .partitions = 4}, "STATUS=ready; 4 partitions, 0 records open\n"},
        {{.first = true},
         "STATUS=not ready: not_member producer_not_ready store_failing; "
         "0 partitions, 0 records open\n"},
        {{.signs = {.draining = true}, .alive = true, .stop_s = 150, .partitions = 4, .open = 2},
         "STOPPING=1\nEXTEND_TIMEOUT_USEC=150000000\nWATCHDOG=1\n"
         "STATUS=draining; 4 partitions, 2 records open\n"},
    };
    char text[NOTIFY_TEXT_MAX];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = notify_text(&rows[i].view, text);

        cr_expect_str_eq(text, rows[i].text, "row %zu", i);
        cr_expect_eq(len, strlen(text), "row %zu", i);
    }
}

Test(notify, addresses)
{
    struct sockaddr_un a;
    socklen_t len = 0;
    char name[sizeof a.sun_path + 1];

    cr_expect_eq(notify_address("/run/x", &a, &len), 0);
    cr_expect_str_eq(a.sun_path, "/run/x");
    cr_expect_eq(len, offsetof(struct sockaddr_un, sun_path) + 7);
    cr_expect_eq(notify_address("@name", &a, &len), 0);
    cr_expect_eq(memcmp(a.sun_path, "\0name", 5), 0);
    cr_expect_eq(len, offsetof(struct sockaddr_un, sun_path) + 5, "no byte more than the name");
    cr_expect_eq(notify_address("vsock:2:1", &a, &len), -1);
    cr_expect_eq(notify_address("@", &a, &len), -1);
    cr_expect_eq(notify_address("", &a, &len), -1);
    memset(name, 'x', sizeof name - 1);
    name[0] = '/', name[sizeof name - 1] = '\0';
    cr_expect_eq(notify_address(name, &a, &len), -1, "longer than an address");
    cr_expect_null(notify_open("vsock:2:1"));
    cr_expect_null(notify_open(NULL));
}

/* Sends what a look at a ready worker sends, and returns what arrived. */
static const char *arrives(struct notify *n, int fd, int64_t now_us, char text[NOTIFY_TEXT_MAX])
{
    struct notify_view v = {.signs = {GOOD}, .alive = true};
    ssize_t len;

    notify_show(n, &v, now_us);
    len = recv(fd, text, NOTIFY_TEXT_MAX - 1, MSG_DONTWAIT);
    text[len < 0 ? 0 : len] = '\0';
    return text;
}

Test(notify, ready_is_said_once_it_can_be_taken)
{
    char name[64], text[NOTIFY_TEXT_MAX];
    struct sockaddr_un a;
    socklen_t len;
    struct notify *n;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(name, sizeof name, "@sluice-notify-%ld", (long)getpid());
    cr_assert_eq(notify_address(name, &a, &len), 0);
    n = notify_open(name);
    cr_assert_not_null(n);
    cr_expect_str_empty(arrives(n, fd, NOTIFY_EVERY_US, text), "nobody listens yet");
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, len), 0);
    cr_expect_eq(strncmp(arrives(n, fd, NOTIFY_EVERY_US + 1, text), "READY=1\n", 8), 0);
    cr_expect_eq(strncmp(arrives(n, fd, NOTIFY_EVERY_US + 2, text), "WATCHDOG=1\n", 11), 0);
    cr_expect_str_empty(arrives(n, fd, NOTIFY_EVERY_US + 3, text), "nothing is new");
    cr_expect_eq(strncmp(arrives(n, fd, 3 * NOTIFY_EVERY_US, text), "WATCHDOG=1\n", 11), 0);
    notify_close(n);
    close(fd);
}
