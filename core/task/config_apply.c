/*
 * config_apply: walks the tree along the rows of config_table.c and sets the fields. Keys that no row knows
 * are errors that name the nearest one. model_list comes last, because its rows take over global settings.
 * Values that are lists or maps are read in config_lists.c.
 */
#include "task/config_apply.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "task/config_prices.h"

#define PATH_BYTES 256
#define NAMES_MAX  128 /* keys compared for "did you mean" */

static int apply_map(struct apply *a, const struct conf_row *rows, void *base,
                     const struct conf_node *map, const char *prefix);

static const struct conf_row *row_find(const struct conf_row *rows, const char *path)
{
    for (; rows->path; rows++) {
        if (strcmp(rows->path, path) == 0)
            return rows;
    }
    return NULL;
}

static bool is_section(const struct conf_row *rows, const char *path)
{
    size_t n = strlen(path);

    for (; rows->path; rows++) {
        if (strncmp(rows->path, path, n) == 0 && rows->path[n] == '.')
            return true;
    }
    return false;
}

/* The keys that may stand right below prefix ("" or "pool."), cut out of the paths into `text`. */
static size_t keys_below(const struct conf_row *rows, const char *prefix, char *text, size_t cap,
                         const char **names)
{
    size_t skip = strlen(prefix);
    size_t used = 0;
    size_t n = 0;

    for (; rows->path && n < NAMES_MAX; rows++) {
        const char *key = NULL;
        size_t len = 0;

        if (strncmp(rows->path, prefix, skip) != 0)
            continue;
        key = rows->path + skip;
        len = strcspn(key, ".");
        if (used + len + 1 > cap)
            continue;
        if (n && strlen(names[n - 1]) == len && strncmp(names[n - 1], key, len) == 0)
            continue;
        memcpy(text + used, key, len);
        text[used + len] = '\0';
        names[n++] = text + used;
        used += len + 1;
    }
    return n;
}

static int unknown_key(const struct apply *a, const struct conf_row *rows,
                       const struct conf_node *n, const char *prefix)
{
    char text[4096];
    const char *names[NAMES_MAX];
    size_t count = keys_below(rows, prefix, text, sizeof text, names);
    const char *near = config_nearest(n->key, names, count);
    const struct conf_row *row = NULL;

    if (near)
        return conf_key_err(n, a->e, "unknown key `%s%.80s`; did you mean `%s`?", prefix, n->key,
                            near);
    for (row = rows; row->path; row++) {
        if (strcmp(conf_leaf(row->path), n->key) == 0)
            return conf_key_err(n, a->e, "unknown key `%s%.80s`; did you mean `%s`?", prefix,
                                n->key, row->path);
    }
    return conf_key_err(n, a->e, "unknown key `%s%.80s`; `sluice check --sample` lists all keys",
                        prefix, n->key);
}

static int apply_scalar(const struct apply *a, const struct conf_row *row, void *base,
                        const struct conf_node *n)
{
    struct conf_row shown = *row;
    struct err why = {0};
    char *text = NULL;
    int bad = 0;

    if (n->kind != CONF_SCALAR)
        return conf_node_err(n, a->e, "%s: one plain value is wanted here, not a %s", row->path,
                             n->kind == CONF_MAP ? "map" : "list");
    if (conf_node_null(n))
        return conf_node_err(n, a->e, "%s has no value; give one, or delete the line", row->path);
    if (conf_expand(a, n, &text) < 0)
        return -1;
    if (strcmp(text, n->text) != 0)
        shown.flags |=
            CONF_MASKED; /* a message shows what was typed, never what a variable holds */
    bad = conf_set(&shown, base, text, &why);
    conf_wipe(text);
    if (bad < 0)
        return conf_node_err(n, a->e, "%s: %s", row->path, why.msg);
    return 0;
}

static int apply_tenants(struct apply *a, const struct conf_node *map)
{
    struct config *c = a->c;
    size_t i = 0;

    if (conf_node_null(map))
        return 0;
    if (map->kind != CONF_MAP)
        return conf_node_err(map, a->e, "tenants: write one `name: {max_cost: 5}` a line");
    c->tenants = mem_array(CONFIG_TENANTS_MAX, sizeof *c->tenants);
    for (i = 0; i < map->count; i++) {
        const struct conf_node *n = map->at[i];
        struct tenant *t = NULL;

        if (!*n->key || strlen(n->key) > TENANT_NAME_MAX)
            return conf_key_err(n, a->e, "tenants: a name has 1 to %d bytes", TENANT_NAME_MAX);
        if (n->kind != CONF_MAP)
            return conf_node_err(n, a->e, "tenants.%s: write it as `%s: {max_cost: 5}`", n->key,
                                 n->key);
        if (i == CONFIG_TENANTS_MAX)
            return conf_key_err(n, a->e, "tenants: more than %d", CONFIG_TENANTS_MAX);
        t = &c->tenants[c->ntenants++];
        *t = (struct tenant){.name = mem_strdup(n->key), .line = n->line};
        conf_set_defaults(conf_tenant_rows, t);
        if (apply_map(a, conf_tenant_rows, t, n, "") < 0)
            return -1;
    }
    return 0;
}

static int apply_row(struct apply *a, const struct conf_row *row, void *base,
                     const struct conf_node *n)
{
    void *field = (char *)base + row->offset;

    switch (row->type) {
    case CONF_LIST:
        return n->kind == CONF_SEQUENCE ? conf_apply_list(a, n, row->path, field)
                                        : apply_scalar(a, row, base, n);
    case CONF_PROPERTIES:
        return conf_apply_properties(a, n, row->path, field);
    case CONF_REGION:
        return n->kind == CONF_SCALAR ? apply_scalar(a, row, base, n)
                                      : conf_apply_region(a, n, row->path, field);
    case CONF_JSON:
        return conf_apply_json(a, n, row->path, field);
    case CONF_FALLBACKS:
        return conf_apply_fallbacks(a, n, row->path, field);
    case CONF_KAFKA:
        return conf_apply_kafka(a, n);
    case CONF_TENANTS:
        return apply_tenants(a, n);
    case CONF_MODELS:
        a->models = n;
        return 0;
    default:
        return apply_scalar(a, row, base, n);
    }
}

/* A key that no row has: a variant of a price, or nothing. */
static int apply_other(struct apply *a, const struct conf_row *rows, void *base,
                       const struct conf_node *n, const char *prefix, const char *path)
{
    struct conf_row row = {0};
    struct err why = {0};
    int r = 1;

    if (rows == conf_model_rows)
        r = conf_price_row(rows, base, path, &row, &why);
    if (r < 0)
        return conf_key_err(n, a->e, "%s", why.msg);
    row.path = path;
    return r ? unknown_key(a, rows, n, prefix) : apply_scalar(a, &row, base, n);
}

static int apply_section(struct apply *a, const struct conf_row *rows, void *base,
                         const struct conf_node *n, const char *path)
{
    char prefix[PATH_BYTES + 2];

    if (conf_node_null(n))
        return 0;
    if (n->kind != CONF_MAP)
        return conf_node_err(n, a->e, "`%s` must hold keys with values, such as `%s: ...`", path,
                             conf_leaf(rows->path));
    snprintf(prefix, sizeof prefix, "%s.", path);
    return apply_map(a, rows, base, n, prefix);
}

/* LiteLLM's name for `params`. */
static const char *canonical(const struct conf_row *rows, const char *prefix, const char *key)
{
    if (rows == conf_model_rows && !*prefix && strcmp(key, "litellm_params") == 0)
        return "params";
    return key;
}

static int apply_map(struct apply *a, const struct conf_row *rows, void *base,
                     const struct conf_node *map, const char *prefix)
{
    size_t i = 0;

    for (i = 0; i < map->count; i++) {
        const struct conf_node *n = map->at[i];
        const char *key = canonical(rows, prefix, n->key);
        const struct conf_row *row = NULL;
        char path[PATH_BYTES];
        int bad = 0;

        if (key != n->key && conf_node_get(map, key))
            return conf_key_err(n, a->e, "`%s` and `%s` mean the same; keep one of them", n->key,
                                key);
        if (snprintf(path, sizeof path, "%s%s", prefix, key) >= (int)sizeof path)
            return unknown_key(a, rows, n, prefix);
        row = row_find(rows, path);
        if (row)
            bad = apply_row(a, row, base, n);
        else if (is_section(rows, path))
            bad = apply_section(a, rows, base, n, path);
        else
            bad = apply_other(a, rows, base, n, prefix, path);
        if (bad < 0)
            return bad;
    }
    return 0;
}

static int apply_route(struct apply *a, const struct conf_node *n)
{
    struct config *c = a->c;
    struct model *m = NULL;

    if (n->kind != CONF_MAP)
        return conf_node_err(n, a->e, "a row of model_list is a map with model_name and params");
    if (c->nmodels == CONFIG_MODELS_MAX)
        return conf_node_err(n, a->e,
                             "model_list has more than %d rows, a row for each region counted",
                             CONFIG_MODELS_MAX);
    m = &c->models[c->nmodels++];
    m->index = (int)c->nmodels - 1;
    m->line = n->line;
    prices_init(&m->prices);
    conf_set_defaults(conf_model_rows, m);
    m->drop_params = c->drop_params;
    a->region_weight = 1;
    if (apply_map(a, conf_model_rows, m, n, "") < 0)
        return -1;
    m->weight *= a->region_weight;
    if (!m->model_name || !*m->model_name)
        return conf_node_err(n, a->e, "this row has no model_name");
    if (!m->upstream_model)
        return conf_node_err(n, a->e, "model `%s` has no params.model, such as openai/gpt-5-mini",
                             m->model_name);
    return 0;
}

/* A row of the file: one route, or one for each of its regions. */
static int apply_model(struct apply *a, const struct conf_node *n)
{
    size_t count = conf_region_count(n);

    for (a->region = 0; a->region < count; a->region++) {
        if (apply_route(a, n) < 0)
            return -1;
    }
    return 0;
}

int conf_apply(struct apply *a, const struct conf_node *root)
{
    size_t i = 0;

    if (!conf_node_null(root) && root->kind != CONF_MAP)
        return conf_node_err(root, a->e, "a configuration is a map of keys, such as `pool:`");
    if (apply_map(a, conf_rows, a->c, root, "") < 0)
        return -1;
    if (!a->models || conf_node_null(a->models))
        return 0;
    if (a->models->kind != CONF_SEQUENCE)
        return conf_node_err(a->models, a->e, "model_list is a list; begin each row with `- `");
    a->c->models = mem_array(CONFIG_MODELS_MAX, sizeof *a->c->models);
    for (i = 0; i < a->models->count; i++) {
        if (apply_model(a, a->models->at[i]) < 0)
            return -1;
    }
    return 0;
}
