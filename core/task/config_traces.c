/*
 * config_traces: where spans go and what goes with them: from traces: in the file, or from the variables that all
 * programs with OpenTelemetry read. Headers and tokens go only to the endpoint that they were named with (P8): those
 * of the environment do not go to an endpoint of the file. A message never shows a value.
 */
#include "task/config_resolve.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "task/config_apply.h"
#include "task/config_table.h"

#define URL_MAX     4096
#define HEADERS_MAX 16
#define VALUE_MAX   8000 /* of a header: http_request_header() takes little more */
#define ROOM_MAX    ((size_t)VALUE_MAX + 1)
#define PATH        "/v1/traces"

struct resolver {
    struct config *c;
    char *const *envp;
    struct err *e;
};

/* NULL when it is not set or empty. */
static const char *variable(const struct resolver *r, const char *name)
{
    const char *value = conf_env(r->envp, name, strlen(name));

    return value && *value ? value : NULL;
}

static void set(char **field, const char *value)
{
    free(*field);
    *field = mem_strdup(value);
}

/* ---- the endpoint ---- */

static bool is_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

static bool has_path(const char *url)
{
    const char *path = strchr(strstr(url, "//") + 2, '/');

    return path && path[1];
}

/* `always`: to a path as well, as the standard has it for the variable of all signals. */
static void add_path(char **url, bool always)
{
    struct buf out = BUF_INIT(URL_MAX + sizeof PATH);
    size_t n = strlen(*url);

    if (!always && has_path(*url))
        return;
    while ((*url)[n - 1] == '/')
        n--;
    buf_append(&out, *url, n);
    buf_str(&out, PATH);
    free(*url);
    *url = buf_steal(&out, NULL);
}

/* What no URL of a collector has: blanks, control bytes, and a query, which may hold a key and would be logged. */
static bool has_strange_byte(const char *url)
{
    while ((unsigned char)*url > 0x20 && !strchr("?#\x7f", *url))
        url++;
    return *url != '\0';
}

static int check_url(const struct resolver *r, const char *from)
{
    const char *url = r->c->traces.endpoint;

    if (!is_url(url) || strlen(url) > URL_MAX)
        return conf_place_err(r->c, 0, r->e,
                              "%s must begin with http:// or https://, such as "
                              "http://localhost:4318",
                              from);
    if (conf_bad_authority(url))
        return conf_place_err(
            r->c, 0, r->e,
            "%s must hold a host and perhaps a port from 1 to 65535, and no user or "
            "password; put secrets into traces.headers or traces.token_file",
            from);
    if (has_strange_byte(url))
        return conf_place_err(r->c, 0, r->e,
                              "%s must hold no blank, control byte, `?` or `#`; put secrets into "
                              "traces.headers or traces.token_file",
                              from);
    return 0;
}

static bool is_switched_off(const struct resolver *r)
{
    const char *exporter = variable(r, "OTEL_TRACES_EXPORTER");
    const char *off = variable(r, "OTEL_SDK_DISABLED");

    return (exporter && strcmp(exporter, "none") == 0) || (off && strcasecmp(off, "true") == 0);
}

/* The name of the variable that the endpoint is from, or NULL. */
static const char *from_environment(const struct resolver *r)
{
    static const char *const names[] = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                                        "OTEL_EXPORTER_OTLP_ENDPOINT"};

    for (size_t i = 0; i < ARRAY_LEN(names) && !is_switched_off(r); i++) {
        if (!variable(r, names[i]))
            continue;
        set(&r->c->traces.endpoint, variable(r, names[i]));
        return names[i];
    }
    return NULL;
}

/* ---- headers ---- */

/* %2C and the like; what is no such code stands for itself. */
static void add_decoded(struct buf *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char hex[3] = {0};

        if (text[i] == '%' && i + 2 < n && isxdigit((unsigned char)text[i + 1]) &&
            isxdigit((unsigned char)text[i + 2])) {
            memcpy(hex, text + i + 1, 2);
            buf_char(out, (char)strtol(hex, NULL, 16));
            i += 2;
        } else {
            buf_char(out, text[i]);
        }
    }
}

static bool good_name(const char *name)
{
    static const char bytes[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return *name && name[strspn(name, bytes)] == '\0';
}

/* "name=value", of n bytes, with blanks around both. False: it is none. */
static bool add_pair(struct config *c, const char *text, size_t n)
{
    struct buf name = BUF_INIT(VALUE_MAX), value = BUF_INIT(ROOM_MAX); /* seen to be too long */
    const char *equals = memchr(text, '=', n);
    const char *from = equals ? equals + 1 : text + n;
    size_t len = (size_t)(text + n - from);
    bool good = false;

    while (len > 0 && *from == ' ')
        from++, len--;
    while (len > 0 && from[len - 1] == ' ')
        len--;
    buf_append(&name, text, equals ? (size_t)(equals - text) : n);
    buf_str(&name, "");
    while (name.len > 0 && name.data[name.len - 1] == ' ')
        name.data[--name.len] = '\0';
    add_decoded(&value, from, len);
    buf_str(&value, "");
    good = equals && !name.over && good_name(name.data);
    if (good)
        conf_property_add(&c->traces.headers, name.data, value.data, 0);
    conf_wipe(buf_steal(&value, NULL));
    buf_done(&name);
    return good;
}

/* The one of traces hides the one of all signals. NULL: neither is set. */
static const char *variable_of(const struct resolver *r, const char *of_traces, const char *of_all,
                               const char **ret_name)
{
    *ret_name = variable(r, of_traces) ? of_traces : of_all;
    return variable(r, *ret_name);
}

/* What is wrong is told by its place, since it may be a part of a key. */
static int headers_from_environment(const struct resolver *r)
{
    const char *name = NULL;
    const char *text =
        variable_of(r, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS", &name);

    for (int i = 1; text && *text; i++) {
        size_t n = strcspn(text, ",");
        size_t blank = strspn(text, " ");

        if (blank < n && !add_pair(r->c, text + blank, n - blank))
            return conf_place_err(r->c, 0, r->e,
                                  "%s: number %d between commas is no header; write "
                                  "name=value,name=value, and %%2C for a comma in a value",
                                  name, i);
        text += n + (text[n] == ',');
    }
    return 0;
}

/* http/protobuf is let pass: who takes it takes JSON at the same place, and it is what many set for all programs. */
static int check_protocol(const struct resolver *r)
{
    const char *name = NULL;
    const char *text =
        variable_of(r, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL", &name);

    if (!text || strcmp(text, "http/json") == 0 || strcmp(text, "http/protobuf") == 0)
        return 0;
    return conf_place_err(r->c, 0, r->e,
                          "%s is `%.40s`, but spans are posted as JSON over HTTP: set "
                          "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL to http/json and "
                          "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT to where the collector takes that "
                          "(http://HOST:4318/v1/traces), or OTEL_TRACES_EXPORTER to none",
                          name, text);
}

static bool good_value(const char *value)
{
    while (*value && (unsigned char)*value >= 0x20 && *value != 0x7f)
        value++;
    return *value == '\0';
}

static int check_value(const struct resolver *r, int line, const char *what, const char *value)
{
    if (!good_value(value))
        return conf_place_err(r->c, line, r->e, "%s holds a control byte", what);
    if (strlen(value) > VALUE_MAX)
        return conf_place_err(r->c, line, r->e, "%s has more than %d bytes, which no header holds",
                              what, VALUE_MAX);
    return 0;
}

static int check_header(const struct resolver *r, const struct property *p)
{
    char what[120];

    if (*r->c->traces.token_file && strcasecmp(p->name, "authorization") == 0)
        return conf_place_err(r->c, p->line, r->e,
                              "traces.headers has %s and traces.token_file is set; keep one",
                              p->name);
    snprintf(what, sizeof what, "traces.headers: the value of %.60s", p->name);
    return check_value(r, p->line, what, p->value);
}

static int check_headers(const struct resolver *r)
{
    const struct property_list *l = &r->c->traces.headers;

    if (l->count > HEADERS_MAX)
        return conf_place_err(r->c, 0, r->e, "traces.headers has more than %d headers",
                              HEADERS_MAX);
    for (size_t i = 0; i < l->count; i++) {
        if (check_header(r, &l->at[i]) < 0)
            return -1;
    }
    return 0;
}

static int read_token(const struct resolver *r)
{
    const char *file = r->c->traces.token_file;

    if (!*file)
        return 0;
    if (conf_read_secret(r->c, 0, "traces.token_file", file, &r->c->traces.token, r->e) < 0)
        return -1;
    return check_value(r, 0, "traces.token_file", r->c->traces.token);
}

static int check_ca_file(const struct resolver *r)
{
    const char *file = r->c->traces.tls_ca_file;

    if (*file && access(file, R_OK) < 0)
        return conf_place_err(r->c, 0, r->e, "traces.tls_ca_file %s: %s", file, strerror(errno));
    return 0;
}

int conf_resolve_traces(struct config *c, char *const *envp, struct err *e)
{
    const struct resolver r = {c, envp, e};
    const char *name = variable(&r, "OTEL_SERVICE_NAME");
    const char *from = "traces.endpoint";

    if (!*c->traces.service_name)
        set(&c->traces.service_name, name ? name : "sluice");
    if (!*c->traces.endpoint) {
        from = from_environment(&r);
        if (!from)
            return 0;
        if (check_protocol(&r) < 0 || headers_from_environment(&r) < 0)
            return -1;
    }
    if (check_url(&r, from) < 0 || check_headers(&r) < 0 || check_ca_file(&r) < 0 ||
        read_token(&r) < 0)
        return -1;
    if (strcmp(from, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != 0)
        add_path(&c->traces.endpoint, strcmp(from, "traces.endpoint") != 0);
    return 0;
}
