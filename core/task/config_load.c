/*
 * config_load: where the values come from. The file becomes a tree, SLUICE__* variables and --set strings
 * replace nodes of that tree (so that one walk checks them all alike), and config_apply.c sets the fields.
 */
#include "task/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/buf.h"
#include "base/mem.h"
#include "task/config_apply.h"
#include "task/config_tree.h"

#define TEXT_MAX   ((size_t)1 << 20) /* bytes of a configuration file */
#define ENV_PREFIX "SLUICE__"

struct loader {
    struct conf_node *root;
    struct string_list origins; /* names that nodes point to */
    struct err *e;
};

static void loader_done(struct loader *l)
{
    conf_node_free(l->root);
    conf_list_release(&l->origins);
}

static void config_cleanup(struct config **c)
{
    config_free(*c);
}

static void file_cleanup(FILE **f)
{
    if (*f)
        fclose(*f);
}

/* A value of an override: a YAML list or map when it looks like one, else the plain text. */
static int override_value(const char *value, const char *origin, struct conf_node **ret,
                          struct err *e)
{
    if (*value == '[' || *value == '{')
        return conf_tree_parse(value, strlen(value), origin, false, ret, e);
    *ret = conf_node_new(CONF_SCALAR, origin);
    (*ret)->text = mem_strdup(value);
    (*ret)->quoted = !*value;
    return 0;
}

/* Bytes of the next part of the path below `parent`; property names of kafka are one part. */
static size_t part_length(const struct conf_node *parent, const char *path)
{
    bool in_kafka =
        parent->key && (strcmp(parent->key, "kafka") == 0 || strcmp(parent->key, "consumer") == 0 ||
                        strcmp(parent->key, "producer") == 0);

    if (in_kafka && strncmp(path, "consumer.", 9) != 0 && strncmp(path, "producer.", 9) != 0)
        return strlen(path);
    return strcspn(path, ".");
}

/* Where the child of this name is kept, or NULL. A row of a list is named by its number. */
static struct conf_node **child_slot(const struct conf_node *parent, const char *name)
{
    const char *other = NULL;
    int64_t index = 0;
    size_t i = 0;

    if (parent->kind == CONF_SEQUENCE) {
        if (config_int(name, &index) < 0 || index < 0 || (size_t)index >= parent->count)
            return NULL;
        return &parent->at[index];
    }
    if (strcmp(name, "params") == 0)
        other = "litellm_params";
    for (i = 0; i < parent->count; i++) {
        const char *key = parent->at[i]->key;

        if (strcmp(key, name) == 0 || (other && strcmp(key, other) == 0))
            return &parent->at[i];
    }
    return NULL;
}

/* Puts `value` into the slot, or adds it below the parent, under the name that stands there. */
static void put_child(struct conf_node *parent, struct conf_node **slot, const char *name,
                      struct conf_node *value)
{
    if (!slot) {
        value->key = mem_strdup(name);
        conf_node_add(parent, value);
        return;
    }
    value->key = mem_strdup((*slot)->key);
    conf_node_free(*slot);
    *slot = value;
}

static int set_at(struct conf_node *root, const char *path, const char *value, const char *origin,
                  struct err *e)
{
    struct conf_node *parent = root;
    int depth = 0;

    for (depth = 0; depth < CONF_TREE_DEPTH; depth++) {
        size_t n = part_length(parent, path);
        CLEANUP_FREE char *name = mem_dup(path, n);
        struct conf_node **slot = child_slot(parent, name);
        struct conf_node *fresh = NULL;

        if (n == 0 || (!slot && parent->kind == CONF_SEQUENCE))
            return err_set(e, EX_CONFIG, "%s: there is no `%s` below `%s`", origin, name,
                           parent->key ? parent->key : "");
        if (!path[n]) {
            if (override_value(value, origin, &fresh, e) < 0)
                return -1;
            put_child(parent, slot, name, fresh);
            return 0;
        }
        if (!slot || conf_node_null(*slot)) {
            fresh = conf_node_new(CONF_MAP, origin);
            put_child(parent, slot, name, fresh);
            parent = fresh;
        } else if ((*slot)->kind == CONF_SCALAR) {
            return err_set(e, EX_CONFIG, "%s: `%s` is a plain value, nothing can be set below it",
                           origin, name);
        } else {
            parent = *slot;
        }
        path += n + 1;
    }
    return err_set(e, EX_CONFIG, "%s: more than %d levels", origin, CONF_TREE_DEPTH);
}

static const char *keep_origin(struct loader *l, const char *text, size_t n)
{
    conf_list_add(&l->origins, text, n);
    return l->origins.at[l->origins.count - 1];
}

/* "POOL__MAX_IN_FLIGHT" to "pool.max_in_flight"; below kafka a single underscore is a dot. */
static void env_path(const char *name, char *out)
{
    char *start = out;
    size_t n = 0;

    for (n = strlen(name); n > 0; n--) {
        if (name[0] == '_' && name[1] == '_') {
            *out++ = '.';
            name++;
            n--;
        } else if (name[0] == '_' && strncmp(start, "kafka.", 6) == 0) {
            *out++ = '.';
        } else {
            *out++ = (char)tolower((unsigned char)name[0]);
        }
        name++;
    }
    *out = '\0';
}

static int merge_env(struct loader *l, char *const *envp)
{
    for (; envp && *envp; envp++) {
        const char *equals = strchr(*envp, '=');
        CLEANUP_FREE char *path = NULL;
        const char *origin = NULL;

        if (strncmp(*envp, ENV_PREFIX, sizeof ENV_PREFIX - 1) != 0 || !equals)
            continue;
        origin = keep_origin(l, *envp, (size_t)(equals - *envp));
        path = mem_alloc(strlen(origin) + 1);
        env_path(origin + sizeof ENV_PREFIX - 1, path);
        if (set_at(l->root, path, equals + 1, origin, l->e) < 0)
            return -1;
    }
    return 0;
}

static int merge_sets(struct loader *l, const char *const *sets, size_t nsets)
{
    size_t i = 0;

    for (i = 0; i < nsets; i++) {
        const char *equals = strchr(sets[i], '=');
        CLEANUP_FREE char *path = NULL;
        CLEANUP_FREE char *shown = NULL;

        if (!equals || equals == sets[i])
            return err_set(l->e, EX_USAGE,
                           "--set %.80s: write it as KEY=VALUE, such as pool.workers=4", sets[i]);
        path = mem_dup(sets[i], (size_t)(equals - sets[i]));
        shown = mem_alloc(strlen(path) + 7);
        memcpy(shown, "--set ", 6);
        memcpy(shown + 6, path, strlen(path));
        if (set_at(l->root, path, equals + 1, keep_origin(l, shown, strlen(shown)), l->e) < 0)
            return -1;
    }
    return 0;
}

int config_parse(const char *text, size_t len, const char *name, char *const *envp,
                 const char *const *sets, size_t nsets, struct config **ret, struct err *e)
{
    CLEANUP(loader_done) struct loader l = {.e = e};
    CLEANUP(config_cleanup) struct config *c = NULL;
    struct apply a = {.envp = envp, .e = e};

    if (len > TEXT_MAX)
        return err_set(e, EX_CONFIG, "%s: larger than %zu bytes", name, TEXT_MAX);
    if (conf_tree_parse(text, len, name, true, &l.root, e) < 0)
        return -1;
    if (conf_node_null(l.root)) { /* only comments: overrides need a map to go to */
        conf_node_free(l.root);
        l.root = conf_node_new(CONF_MAP, name);
    }
    if (l.root->kind != CONF_MAP)
        return conf_node_err(l.root, e, "a configuration is a map of keys, such as `pool:`");
    if (merge_env(&l, envp) < 0 || merge_sets(&l, sets, nsets) < 0)
        return -1;
    c = config_new();
    a.c = c;
    if (conf_apply(&a, l.root) < 0)
        return -1;
    *ret = STEAL(c);
    return 0;
}

static int read_text(const char *path, struct buf *text, struct err *e)
{
    CLEANUP(file_cleanup) FILE *f = fopen(path, "re");
    char part[8192];
    size_t n = 0;

    if (!f)
        return err_set(e, EX_CONFIG, "%s: cannot read it: %s", path, strerror(errno));
    while ((n = fread(part, 1, sizeof part, f)) > 0) {
        if (buf_append(text, part, n) < 0)
            return err_set(e, EX_CONFIG, "%s: larger than %zu bytes", path, TEXT_MAX);
    }
    if (ferror(f))
        return err_set(e, EX_CONFIG, "%s: cannot read it: %s", path, strerror(errno));
    return 0;
}

int config_load(const char *path, char *const *envp, const char *const *sets, size_t nsets,
                struct config **ret, struct err *e)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct config *c = NULL;

    if (path && read_text(path, &text, e) < 0)
        return -1;
    if (config_parse(text.data ? text.data : "", text.len, path ? path : "configuration", envp,
                     sets, nsets, &c, e) < 0)
        return -1;
    c->path = mem_strdup(path);
    *ret = c;
    return 0;
}
