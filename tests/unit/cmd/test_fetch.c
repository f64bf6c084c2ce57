/* fetch: where the admin port is, from an option or from the configuration. */
#include "cmd/admin/fetch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static int url_of(const char *url, const char *listen, char out[FETCH_URL_MAX], struct err *e)
{
    char path[] = "/tmp/sluice-fetch-XXXXXX";
    struct config_options o = {.config = path};
    FILE *f = fdopen(mkstemp(path), "w");
    int got;

    if (listen)
        fprintf(f, "observability: {listen: \"%s\"}\n", listen);
    fclose(f);
    got = fetch_url(url, &o, out, e);
    unlink(path);
    return got;
}

Test(fetch, urls)
{
    static const struct {
        const char *url, *listen, *want;
    } rows[] = {
        {"http://127.0.0.1:9464", NULL, "http://127.0.0.1:9464"},
        {"http://worker:9464//", "1.2.3.4:5", "http://worker:9464"},
        {NULL, "9464", "http://127.0.0.1:9464"},
        {NULL, "0.0.0.0:80", "http://127.0.0.1:80"},
        {NULL, "[::]:80", "http://[::1]:80"},
        {NULL, "10.0.0.7:80", "http://10.0.0.7:80"},
        {NULL, "[fe80::1]:80", "http://[fe80::1]:80"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[FETCH_URL_MAX];
        struct err e = {0};

        cr_assert_eq(url_of(rows[i].url, rows[i].listen, out, &e), 0, "%s", e.msg);
        cr_expect_str_eq(out, rows[i].want);
    }
}

Test(fetch, no_urls)
{
    static const struct {
        const char *url, *listen, *says;
    } rows[] = {
        {NULL, NULL, "observability.listen is not set"},
        {NULL, "", "observability.listen is not set"},
        {NULL, "127.0.0.1:0", "leaves the port open"},
        {NULL, "worker:80", "observability.listen: `worker:80`"},
        {"worker:80", NULL, "--url: write it as http://"},
        {"", NULL, "--url: write it as http://"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[FETCH_URL_MAX];
        struct err e = {0};

        cr_expect_eq(url_of(rows[i].url, rows[i].listen, out, &e), -1);
        cr_expect(strstr(e.msg, rows[i].says), "%zu: %s", i, e.msg);
    }
}
