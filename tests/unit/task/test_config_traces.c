/* config: where spans go: from the file, or from the variables of OpenTelemetry. */
#include "task/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "task/provider.h"

#define BASE   "OTEL_EXPORTER_OTLP_ENDPOINT="
#define TRACES "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="

static const struct provider *const providers[] = {NULL};
static const struct vendor vendors[] = {{.name = NULL}};

static int resolve(const char *members, char *const *env, struct config **ret, struct err *e)
{
    char text[512];

    snprintf(text, sizeof text, "traces: {%s}\n", members);
    cr_assert_eq(config_parse(text, strlen(text), "f", env, NULL, 0, ret, e), 0, "%s: %s", text,
                 e->msg);
    return config_resolve(*ret, providers, vendors, env, e);
}

/* "name=value;" of each header. */
static void headers_text(const struct config *c, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < c->traces.headers.count && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s=%s;", c->traces.headers.at[i].name,
                              c->traces.headers.at[i].value);
}

Test(config_traces, accepted)
{
    static const struct {
        const char *members;
        char *env[6];
        const char *endpoint, *headers, *service;
    } rows[] = {
        {"contents: true", {0}, "", "", "sluice"},
        {"endpoint: \"http://c:4318\"", {0}, "http://c:4318/v1/traces", "", "sluice"},
        {"endpoint: \"http://c:4318/\"", {0}, "http://c:4318/v1/traces", "", "sluice"},
        {"endpoint: \"https://c/otlp/v1/traces\"", {0}, "https://c/otlp/v1/traces", "", "sluice"},
        {"endpoint: \"http://c\", service_name: pool, headers: {x-key: k}",
         {0},
         "http://c/v1/traces",
         "x-key=k;",
         "pool"},
        {"", {BASE "http://e:4318", NULL}, "http://e:4318/v1/traces", "", "sluice"},
        {"", {BASE "http://e/base/", NULL}, "http://e/base/v1/traces", "", "sluice"},
        {"", {TRACES "http://e:9", BASE "http://x", NULL}, "http://e:9", "", "sluice"},
        {"", {BASE "http://e", "OTEL_TRACES_EXPORTER=none", NULL}, "", "", "sluice"},
        {"", {BASE "http://e", "OTEL_SDK_DISABLED=true", NULL}, "", "", "sluice"},
        {"", {BASE, "OTEL_SERVICE_NAME=svc", NULL}, "", "", "svc"},
        {"",
         {BASE "http://e", "OTEL_EXPORTER_OTLP_HEADERS= api-key = a%2Cb , x=1=2,,y=", NULL},
         "http://e/v1/traces",
         "api-key=a,b;x=1=2;y=;",
         "sluice"},
        {"",
         {BASE "http://e", "OTEL_EXPORTER_OTLP_HEADERS=a=1",
          "OTEL_EXPORTER_OTLP_TRACES_HEADERS=b=2", NULL},
         "http://e/v1/traces",
         "b=2;",
         "sluice"},
        {"",
         {BASE "http://e", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
          "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json", NULL},
         "http://e/v1/traces",
         "",
         "sluice"},
        {"",
         {BASE "http://e", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", NULL},
         "http://e/v1/traces",
         "",
         "sluice"},
        {"endpoint: \"http://c\"",
         {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_HEADERS=x", NULL},
         "http://c/v1/traces",
         "",
         "sluice"},
        /* What is for one host does not go to another. */
        {"endpoint: \"http://c\"",
         {BASE "http://e", "OTEL_EXPORTER_OTLP_HEADERS=api-key=a", "OTEL_SERVICE_NAME=svc", NULL},
         "http://c/v1/traces",
         "",
         "svc"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = NULL;
        struct err e = {0};
        char headers[200];

        cr_assert_eq(resolve(rows[i].members, rows[i].env, &c, &e), 0, "row %zu: %s", i, e.msg);
        headers_text(c, headers, sizeof headers);
        cr_expect_str_eq(c->traces.endpoint, rows[i].endpoint, "row %zu", i);
        cr_expect_str_eq(headers, rows[i].headers, "row %zu", i);
        cr_expect_str_eq(c->traces.service_name, rows[i].service, "row %zu", i);
        config_free(c);
    }
}

Test(config_traces, refused)
{
    static const struct {
        const char *members;
        char *env[3];
        const char *says;
    } rows[] = {
        {"endpoint: \"collector:4317\"", {0}, "traces.endpoint must begin with http://"},
        {"endpoint: \"http://u:p@c:4318\"", {0}, "no user or password"},
        {"endpoint: \"http://c:0\"", {0}, "port from 1 to 65535"},
        {"", {BASE "grpc://c:4317", NULL}, "OTEL_EXPORTER_OTLP_ENDPOINT must begin with http://"},
        {"",
         {BASE "http://e", "OTEL_EXPORTER_OTLP_HEADERS=a b=x", NULL},
         "OTEL_EXPORTER_OTLP_HEADERS: number 1 between commas is no header; write name=value"},
        {"",
         {BASE "http://e", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=a=1, Bearer s3cret", NULL},
         "OTEL_EXPORTER_OTLP_TRACES_HEADERS: number 2 between commas is no header"},
        {"",
         {BASE "http://e", "OTEL_EXPORTER_OTLP_HEADERS==x", NULL},
         "OTEL_EXPORTER_OTLP_HEADERS: number 1 between commas is no header"},
        {"",
         {BASE "http://e:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", NULL},
         "OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`, but spans are posted as JSON over HTTP: set"},
        {"endpoint: \"https://c\", tls_ca_file: /nonexistent/ca.pem",
         {0},
         "traces.tls_ca_file /nonexistent/ca.pem: No such file"},
        {"",
         {BASE "http://e", "OTEL_EXPORTER_OTLP_HEADERS=a=x%0Ay", NULL},
         "value of a holds a control byte"},
        {"endpoint: \"http://c/a b\"", {0}, "traces.endpoint must hold no blank"},
        {"endpoint: \"http://c/\\n\"", {0}, "traces.endpoint must hold no blank"},
        {"endpoint: \"http://c/v1/traces?key=k\"", {0}, "traces.endpoint must hold no blank"},
        {"endpoint: \"http://c#x\"", {0}, "traces.endpoint must hold no blank"},
        {"endpoint: \"http://c\", token_file: /nonexistent/token, headers: {authorization: a}",
         {0},
         "traces.headers has authorization and traces.token_file is set"},
        {"endpoint: \"http://c\", token_file: /nonexistent/token",
         {0},
         "traces.token_file /nonexistent/token: No such file"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = NULL;
        struct err e = {0};

        cr_expect_lt(resolve(rows[i].members, rows[i].env, &c, &e), 0, "row %zu", i);
        cr_expect_eq(e.code, EX_CONFIG);
        cr_expect(strstr(e.msg, rows[i].says), "row %zu: %s", i, e.msg);
        cr_expect_null(strstr(e.msg, "s3cret"));
        config_free(c);
    }
}

/* The HTTP client takes no more of a header, and would leave it out. */
Test(config_traces, what_no_header_can_hold_is_refused)
{
    static const struct {
        size_t n;
        bool good;
    } rows[] = {{8000, true}, {8001, false}, {8192, false}, {20000, false}};
    static char headers[30000];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *env[] = {(char *)BASE "http://e", headers, NULL};
        struct config *c = NULL;
        struct err e = {0};
        int begun = snprintf(headers, sizeof headers, "OTEL_EXPORTER_OTLP_HEADERS=k=");

        memset(headers + begun, 'x', rows[i].n);
        headers[(size_t)begun + rows[i].n] = '\0';
        cr_expect_eq(resolve("", env, &c, &e) == 0, rows[i].good, "row %zu: %s", i, e.msg);
        if (rows[i].good)
            cr_expect_eq(strlen(c->traces.headers.at[0].value), rows[i].n);
        else
            cr_expect(strstr(e.msg, "the value of k has more than 8000 bytes"), "%s", e.msg);
        config_free(c);
    }
}

static void print(const struct config *c, char *out, size_t cap)
{
    FILE *f = fmemopen(out, cap, "w");

    config_print(c, f);
    fclose(f);
}

Test(config_traces, secrets_are_read_and_not_printed)
{
    char path[] = "/tmp/sluice-token-XXXXXX", members[200], *text = mem_alloc(65536);
    int fd = mkstemp(path);
    struct config *c = NULL;
    struct err e = {0};

    cr_assert_eq(write(fd, "s3cret-token\n", 13), 13);
    close(fd);
    snprintf(members, sizeof members,
             "endpoint: \"http://c\", token_file: %s, headers: {x-key: s3cret-key}", path);
    cr_assert_eq(resolve(members, NULL, &c, &e), 0, "%s", e.msg);
    cr_expect_str_eq(c->traces.token, "s3cret-token");
    print(c, text, 65536);
    cr_expect(strstr(text, "x-key: \"***\"") || strstr(text, "x-key: '***'") ||
              strstr(text, "x-key: ***"));
    cr_expect_not(strstr(text, "s3cret"), "%s", text);
    config_free(c);
    free(text);
    unlink(path);
}
