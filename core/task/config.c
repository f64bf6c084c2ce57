/*
 * config: life of the configuration struct, driven by the rows of config_table.c, and small look-ups in it.
 * Reading stands in config_load.c, checks that need more than one key in config_resolve.c.
 */
#include "task/config.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "task/config_table.h"

#define NEAREST_MAX 64 /* longer names are not compared */

void conf_wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void conf_list_add(struct string_list *l, const char *text, size_t n)
{
    l->at = mem_grow(l->at, l->count + 1, sizeof *l->at);
    l->at[l->count++] = mem_dup(text, n);
}

void conf_list_release(struct string_list *l)
{
    size_t i = 0;

    for (i = 0; i < l->count; i++)
        free(l->at[i]);
    free(l->at);
    *l = (struct string_list){0};
}

void conf_property_add(struct property_list *l, const char *name, const char *value, int line)
{
    l->at = mem_grow(l->at, l->count + 1, sizeof *l->at);
    l->at[l->count++] = (struct property){mem_strdup(name), mem_strdup(value), line};
}

static void properties_release(struct property_list *l)
{
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        free(l->at[i].name);
        conf_wipe(l->at[i].value);
    }
    free(l->at);
    *l = (struct property_list){0};
}

static void fallbacks_release(struct fallback_list *l)
{
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        free(l->at[i].from);
        conf_list_release(&l->at[i].to);
    }
    free(l->at);
    *l = (struct fallback_list){0};
}

static void models_release(struct config *c)
{
    size_t i = 0;

    for (i = 0; i < c->nmodels; i++)
        conf_release(conf_model_rows, &c->models[i]);
    free(c->models);
    c->models = NULL;
    c->nmodels = 0;
}

static void tenants_release(struct config *c)
{
    size_t i = 0;

    for (i = 0; i < c->ntenants; i++)
        free(c->tenants[i].name);
    free(c->tenants);
    c->tenants = NULL;
    c->ntenants = 0;
}

static void field_release(const struct conf_row *row, void *base)
{
    void *field = (char *)base + row->offset;
    struct config *c = base; /* only for the types that stand in conf_rows alone */
    struct model *m = base;

    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
    case CONF_ENUM:
    case CONF_JSON:
    case CONF_REGION:
        conf_wipe(*(char **)field);
        *(char **)field = NULL;
        break;
    case CONF_LIST:
        conf_list_release(field);
        break;
    case CONF_PROPERTIES:
        properties_release(field);
        break;
    case CONF_FALLBACKS:
        fallbacks_release(field);
        break;
    case CONF_KAFKA:
        properties_release(&c->kafka);
        properties_release(&c->kafka_consumer);
        properties_release(&c->kafka_producer);
        break;
    case CONF_TENANTS:
        tenants_release(c);
        break;
    case CONF_MODELS:
        models_release(c);
        break;
    case CONF_ROUTE:
        free(m->provider_name);
        free(m->upstream_model);
        m->provider_name = NULL;
        m->upstream_model = NULL;
        break;
    case CONF_INT:
    case CONF_NUM:
    case CONF_BOOL:
    case CONF_DURATION:
    case CONF_SIZE:
        break;
    }
}

void conf_release(const struct conf_row *rows, void *base)
{
    const struct conf_row *row = NULL;

    for (row = rows; row->path; row++)
        field_release(row, base);
}

void conf_set_defaults(const struct conf_row *rows, void *base)
{
    const struct conf_row *row = NULL;

    for (row = rows; row->path; row++) {
        if (row->fallback) {
            int bad = conf_set(row, base, row->fallback, NULL);

            assert(bad == 0);
            (void)bad;
        } else if (row->type == CONF_NUM) {
            *(double *)(void *)((char *)base + row->offset) = -1;
        }
    }
}

struct config *config_new(void)
{
    struct config *c = mem_alloc(sizeof *c);

    conf_set_defaults(conf_rows, c);
    return c;
}

struct config *config_free(struct config *c)
{
    if (!c)
        return NULL;
    conf_release(conf_rows, c);
    conf_wipe(c->traces.token);
    free(c->path);
    free(c);
    return NULL;
}

const char *model_header(const struct model *m, const char *name)
{
    size_t i = 0;

    for (i = 0; i < m->extra_headers.count; i++) {
        const struct property *h = &m->extra_headers.at[i];

        if (strcasecmp(h->name, name) == 0)
            return h->value && *h->value ? h->value : NULL;
    }
    return NULL;
}

const struct model *config_model(const struct config *c, const char *model_name, size_t from)
{
    size_t i = 0;

    for (i = from; i < c->nmodels; i++) {
        if (strcmp(c->models[i].model_name, model_name) == 0)
            return &c->models[i];
    }
    return NULL;
}

/* Optimal string alignment: inserted, deleted, replaced and swapped bytes. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t d[3][NEAREST_MAX + 1];
    size_t na = strlen(a);
    size_t nb = strlen(b);
    size_t i = 0;
    size_t j = 0;

    for (j = 0; j <= nb; j++)
        d[0][j] = j;
    for (i = 1; i <= na; i++) {
        size_t *row = d[i % 3];
        const size_t *up = d[(i - 1) % 3];

        row[0] = i;
        for (j = 1; j <= nb; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[(i - 2) % 3][j - 2] + 1 < best)
                best = d[(i - 2) % 3][j - 2] + 1;
            row[j] = best;
        }
    }
    return d[na % 3][nb];
}

const char *config_nearest(const char *name, const char *const *names, size_t n)
{
    const char *found = NULL;
    size_t len = strlen(name);
    size_t best = 1 + len / 3; /* at most so many edits are a typing mistake */
    size_t i = 0;

    if (len == 0 || len > NEAREST_MAX)
        return NULL;
    for (i = 0; i < n; i++) {
        size_t d = strlen(names[i]) > NEAREST_MAX ? SIZE_MAX : edit_distance(name, names[i]);

        if (d <= best && d < len && (!found || d < best)) {
            best = d;
            found = names[i];
        }
    }
    return found;
}
