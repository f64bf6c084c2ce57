/*
 * config_vendor: what a row of the vendor table gives to a row of model_list: its address, and the key
 * in its usual variable. The environment is an argument. A message names a variable and never shows
 * its value.
 */
#include "task/config_resolve.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "task/config_apply.h"
#include "task/provider.h"

#define BASE_MAX 4096 /* bytes of an address */
#define NAME_MAX 64   /* bytes of a variable's name */

static const char variable_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
static const char gap_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

/* A variable that fills a gap of the address. */
static int fill_gap(const struct config *c, const struct model *m, const char *value,
                    const char *name, struct err *e)
{
    if (value && *value && value[strspn(value, gap_bytes)] == '\0')
        return 0;
    return conf_place_err(c, m->line, e,
                          "model `%s`: the address of %s needs the environment variable %s, which "
                          "is %s; set it, or api_base",
                          m->model_name, m->provider_name, name,
                          value && *value ? "no plain name" : "not set");
}

int conf_vendor_base(const struct config *c, struct model *m, char *const *envp, struct err *e)
{
    struct buf out = BUF_INIT(BASE_MAX);
    const char *p = m->vendor->api_base;

    while (*p) {
        size_t n = *p == '{' ? strspn(p + 1, variable_bytes) : 0;
        const char *value = NULL;
        char name[NAME_MAX];

        if (n == 0 || n >= sizeof name || p[n + 1] != '}') { /* other gaps are for check() */
            buf_char(&out, *p++);
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)n, p + 1);
        value = conf_env(envp, name, n);
        if (fill_gap(c, m, value, name, e) < 0) {
            buf_done(&out);
            return -1;
        }
        buf_str(&out, value);
        p += n + 2;
    }
    m->api_base = buf_steal(&out, NULL);
    return 0;
}

/* How much of base a gap takes, so that `rest` follows; 0: it does not fit. */
static size_t gap_length(const char *base, const char *rest)
{
    size_t n = strspn(base, gap_bytes);

    while (n > 0 && strncmp(base + n, rest, strcspn(rest, "{")) != 0)
        n--;
    return n;
}

/*
 * Is this the vendor's address? A gap may be filled with anything but a slash, and a path may follow an
 * address with a gap.
 */
static bool is_own_base(const char *pattern, const char *base)
{
    bool gaps = strchr(pattern, '{');

    while (*pattern) {
        size_t n = strcspn(pattern, "{");

        if (strncmp(pattern, base, n) != 0)
            return false;
        pattern += n;
        base += n;
        if (!*pattern)
            break;
        pattern += strcspn(pattern, "}");
        pattern += *pattern == '}';
        n = gap_length(base, pattern);
        if (n == 0)
            return false;
        base += n;
    }
    return *base == '\0' || (gaps && *base == '/');
}

/* The first of "A|B" that is set. */
static const char *first_variable(char *const *envp, const char *names)
{
    const char *value = NULL;

    while (*names && (!value || !*value)) {
        size_t n = strcspn(names, "|");

        value = conf_env(envp, names, n);
        names += n + (names[n] == '|');
    }
    return value;
}

/* The key in the usual variable belongs to the vendor's own host and goes nowhere else (P8). */
int conf_vendor_key(const struct config *c, struct model *m, char *const *envp, struct err *e)
{
    const struct vendor *v = m->vendor;
    const char *value = NULL;
    bool own = !conf_is_aws(m) && v && v->api_key_env && v->api_base &&
               (strcmp(m->api_base, v->api_base) == 0 || is_own_base(v->api_base, m->api_base));

    if (own && !model_header(m, "Authorization")) { /* else the row brings its own */
        value = first_variable(envp, v->api_key_env);
        if (!value || !*value)
            return conf_place_err(c, m->line, e,
                                  "model `%s`: %s needs a key; set api_key, api_key_file or the "
                                  "environment variable %s",
                                  m->model_name, v->name, v->api_key_env);
    }
    m->api_key = mem_strdup(value ? value : "");
    return 0;
}
