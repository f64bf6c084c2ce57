/* config: the settings of the admin port: its address and its token. */
#include "task/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "task/provider.h"

static const struct provider *const providers[] = {NULL};
static const struct vendor vendors[] = {{.name = NULL}};

static int resolve(const char *members, struct config **ret, struct err *e)
{
    char text[512];
    int rc;

    snprintf(text, sizeof text, "observability: {%s}\n", members);
    cr_assert_eq(config_parse(text, strlen(text), "f", NULL, NULL, 0, ret, e), 0, "%s: %s", text,
                 e->msg);
    rc = config_resolve(*ret, providers, vendors, NULL, e);
    return rc;
}

Test(config_admin, accepted)
{
    static const struct {
        const char *members, *listen, *token;
    } rows[] = {
        {"log_level: info", "", ""},
        {"listen: \"\"", "", ""},
        {"listen: 9464", "9464", ""},
        {"listen: \"0.0.0.0:9464\", admin_token: 0123456789", "0.0.0.0:9464", "0123456789"},
        {"admin_token_reads: true, admin_token: 0123456789", "", "0123456789"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = NULL;
        struct err e = {0};

        cr_assert_eq(resolve(rows[i].members, &c, &e), 0, "%s: %s", rows[i].members, e.msg);
        cr_expect_str_eq(c->observability.listen, rows[i].listen);
        cr_expect_str_eq(c->observability.admin_token, rows[i].token);
        config_free(c);
    }
}

Test(config_admin, refused)
{
    static const struct {
        const char *members, *says;
    } rows[] = {
        {"listen: \"there:80\"", "observability.listen: `there:80`: write the host as a number"},
        {"listen: \"127.0.0.1\"", "no address to listen on"},
        {"admin_token: short", "fewer than 8 characters"},
        {"admin_token: \"two words here\"", "white space"},
        {"admin_token: \"gr\xc3\xbc\xc3\x9f"
         "e an alle\"",
         "not ASCII"},
        {"admin_token: 0123456789, admin_token_file: /tmp/x", "both set"},
        {"admin_token_file: /nonexistent", "admin_token_file /nonexistent: No such file"},
        {"admin_token_file: /tmp", "is no file"},
        {"admin_token_reads: true", "admin_token_reads: there is no token"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = NULL;
        struct err e = {0};

        cr_expect_eq(resolve(rows[i].members, &c, &e), -1, "%s", rows[i].members);
        cr_expect_eq(e.code, EX_CONFIG);
        cr_expect(strstr(e.msg, rows[i].says), "%s: %s", rows[i].members, e.msg);
        cr_expect_null(strstr(e.msg, "0123456789"), "%s", e.msg);
        config_free(c);
    }
}

Test(config_admin, token_from_a_file)
{
    char path[] = "/tmp/sluice-token-XXXXXX", members[100];
    int fd = mkstemp(path);
    struct config *c = NULL;
    struct err e = {0};

    cr_assert_eq(write(fd, "tokenfromfile\n", 14), 14);
    close(fd);
    snprintf(members, sizeof members, "admin_token_file: %s", path);
    cr_assert_eq(resolve(members, &c, &e), 0, "%s", e.msg);
    unlink(path);
    cr_expect_str_eq(c->observability.admin_token, "tokenfromfile");
    config_free(c);
}
