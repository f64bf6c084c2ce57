/*
 * config_print: the effective configuration as YAML that config_parse() reads again, with secrets as ***.
 * Driven by the rows of config_table.c.
 */
#include "task/config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "task/config_prices.h"
#include "task/config_table.h"

struct printer {
    FILE *to;
    int indent;          /* spaces before the keys of the rows */
    const char *section; /* path of the last row: its section is open */
};

/*
 * Text as a YAML scalar: plain when nobody can take it for something else, else in double quotes. Variables
 * are expanded in values, so that a plain ${ is escaped there, and not in keys.
 */
static void print_scalar(FILE *to, const char *text, bool key)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-";
    const char *p = NULL;

    if (*text && strchr("/_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", *text) &&
        strspn(text, plain) == strlen(text) && strcmp(text, "null") != 0) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (p = text; *p; p++) {
        if (!key && strncmp(p, "${", 2) == 0)
            fputs("$$", to);
        else if (*p == '"' || *p == '\\')
            fprintf(to, "\\%c", *p);
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fprintf(to, "\\x%02x", (unsigned char)*p);
        else
            fputc(*p, to);
    }
    fputc('"', to);
}

static void print_text(FILE *to, const char *text)
{
    print_scalar(to, text, false);
}

static void print_duration(FILE *to, int64_t ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(units) && (ms == 0 || ms % units[i].ms))
        i++;
    if (ms == 0)
        fputs("0s", to);
    else
        fprintf(to, "%lld%s", (long long)(ms / units[i].ms), units[i].name);
}

static void print_size(FILE *to, int64_t bytes)
{
    static const char *const units[] = {"", "KB", "MB", "GB", "TB"};
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(units) && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    fprintf(to, "%lld%s", (long long)bytes, units[i]);
}

static void print_list(FILE *to, const struct string_list *l)
{
    size_t i = 0;

    fputc('[', to);
    for (i = 0; i < l->count; i++) {
        fputs(i ? ", " : "", to);
        print_text(to, l->at[i]);
    }
    fputc(']', to);
}

/* Names of properties whose values are secrets. */
static bool is_secret(const char *name)
{
    return strstr(name, "password") || strstr(name, "secret") || strstr(name, "sasl.") ||
           strstr(name, "ssl.key") || strstr(name, "token");
}

static void print_properties(FILE *to, const struct property_list *l, int indent, bool masked)
{
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        fprintf(to, "%*s", indent, "");
        print_scalar(to, l->at[i].name, true);
        fputs(": ", to);
        print_text(to, masked || is_secret(l->at[i].name) ? "***" : l->at[i].value);
        fputc('\n', to);
    }
}

static void print_kafka(FILE *to, const struct config *c)
{
    if (!c->kafka.count && !c->kafka_consumer.count && !c->kafka_producer.count)
        return;
    fputs("kafka:\n", to);
    print_properties(to, &c->kafka, 2, false);
    fputs(c->kafka_consumer.count ? "  consumer:\n" : "", to);
    print_properties(to, &c->kafka_consumer, 4, false);
    fputs(c->kafka_producer.count ? "  producer:\n" : "", to);
    print_properties(to, &c->kafka_producer, 4, false);
}

static void print_fallbacks(FILE *to, const struct fallback_list *l, int indent)
{
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        fprintf(to, "%*s- ", indent, "");
        print_scalar(to, l->at[i].from, true);
        fputs(": ", to);
        print_list(to, &l->at[i].to);
        fputc('\n', to);
    }
}

static void print_route(FILE *to, const struct model *m)
{
    size_t cap = strlen(m->provider_name) + strlen(m->upstream_model) + 2;
    CLEANUP_FREE char *text = mem_alloc(cap);

    snprintf(text, cap, "%s/%s", m->provider_name, m->upstream_model);
    print_text(to, text);
}

/* Is there anything to print for this row? Fields that were never set are left out. */
static bool is_set(const struct conf_row *row, const void *base)
{
    const void *field = (const char *)base + row->offset;

    switch (row->type) {
    case CONF_STR:
    case CONF_ENUM:
    case CONF_JSON:
    case CONF_REGION:
        return *(char *const *)field != NULL;
    case CONF_SECRET:
        return *(char *const *)field && **(char *const *)field;
    case CONF_NUM:
        return *(const double *)field >= 0;
    case CONF_PROPERTIES:
        return ((const struct property_list *)field)->count > 0;
    case CONF_FALLBACKS:
        return ((const struct fallback_list *)field)->count > 0;
    case CONF_ROUTE:
        return ((const struct model *)base)->upstream_model != NULL;
    default:
        return true;
    }
}

/* The value behind "key:", with the end of the line. */
static void print_value(const struct printer *p, const struct conf_row *row, const void *base,
                        int indent)
{
    const void *field = (const char *)base + row->offset;
    const struct model *m = base;

    if (row->type == CONF_PROPERTIES || row->type == CONF_FALLBACKS) {
        fputc('\n', p->to);
        if (row->type == CONF_PROPERTIES)
            print_properties(p->to, field, indent + 2, row->flags & CONF_MASKED);
        else
            print_fallbacks(p->to, field, indent + 2);
        return;
    }
    fputc(' ', p->to);
    if (row->type == CONF_INT)
        fprintf(p->to, "%lld", (long long)*(const int64_t *)field);
    else if (row->type == CONF_NUM)
        fprintf(p->to, "%.15g", *(const double *)field);
    else if (row->type == CONF_BOOL)
        fputs(*(const bool *)field ? "true" : "false", p->to);
    else if (row->type == CONF_DURATION)
        print_duration(p->to, *(const int64_t *)field);
    else if (row->type == CONF_SIZE)
        print_size(p->to, *(const int64_t *)field);
    else if (row->type == CONF_LIST)
        print_list(p->to, field);
    else if (row->type == CONF_ROUTE)
        print_route(p->to, m);
    else
        print_text(p->to, row->type == CONF_SECRET ? "***" : *(char *const *)field);
    fputc('\n', p->to);
}

/* Opens the section of a row when the last row was in another one. Returns the row's indent. */
static int open_section(struct printer *p, const struct conf_row *row)
{
    size_t n = (size_t)(conf_leaf(row->path) - row->path);

    if (n == 0)
        return p->indent;
    if (!p->section || strncmp(p->section, row->path, n) != 0)
        fprintf(p->to, "%*s%.*s:\n", p->indent, "", (int)n - 1, row->path);
    p->section = row->path;
    return p->indent + 2;
}

static void print_prices(struct printer *p, const struct conf_row *row, const struct model *m)
{
    struct conf_row variant;
    char name[128];
    size_t i = 0;

    for (i = 0; conf_price_variant(row, m, i, &variant, name, sizeof name); i++) {
        int indent = 0;

        if (!is_set(&variant, m))
            continue;
        indent = open_section(p, row);
        fprintf(p->to, "%*s%s:", indent, "", name);
        print_value(p, &variant, m, indent);
    }
}

static void print_models(const struct config *c, FILE *to)
{
    size_t i = 0;

    fputs(c->nmodels ? "model_list:\n" : "", to);
    for (i = 0; i < c->nmodels; i++) {
        const struct model *m = &c->models[i];
        struct printer p = {.to = to, .indent = 4};
        const struct conf_row *row = NULL;

        fputs("  -\n", to);
        for (row = conf_model_rows; row->path; row++) {
            int indent = 0;

            if (conf_is_price(row)) {
                print_prices(&p, row, m);
                continue;
            }
            if (!is_set(row, m) || (row->type == CONF_SECRET && m->api_key_file))
                continue;
            indent = open_section(&p, row);
            fprintf(to, "%*s%s:", indent, "", conf_leaf(row->path));
            print_value(&p, row, m, indent);
        }
    }
}

static void print_tenants(const struct config *c, FILE *to)
{
    size_t i = 0;

    fputs(c->ntenants ? "tenants:\n" : "", to);
    for (i = 0; i < c->ntenants; i++) {
        struct printer p = {.to = to, .indent = 4};
        const struct conf_row *row = NULL;

        fputs("  ", to);
        print_scalar(to, c->tenants[i].name, true);
        fputs(":\n", to);
        for (row = conf_tenant_rows; row->path; row++) {
            if (!is_set(row, &c->tenants[i]))
                continue;
            fprintf(to, "%*s%s:", p.indent, "", row->path);
            print_value(&p, row, &c->tenants[i], p.indent);
        }
    }
}

void config_print(const struct config *c, FILE *to)
{
    struct printer p = {.to = to};
    const struct conf_row *row = NULL;

    for (row = conf_rows; row->path; row++) {
        int indent = 0;

        if (row->type == CONF_KAFKA) {
            print_kafka(to, c);
        } else if (row->type == CONF_TENANTS) {
            print_tenants(c, to);
        } else if (row->type == CONF_MODELS) {
            print_models(c, to);
        } else if (is_set(row, c) &&
                   !(row->type == CONF_SECRET && *c->observability.admin_token_file)) {
            indent = open_section(&p, row);
            fprintf(to, "%*s%s:", indent, "", conf_leaf(row->path));
            print_value(&p, row, c, indent);
        }
    }
}
