/*
 * config_tree: YAML text as a tree of nodes that know where they stand. Private to core/task/config*.c.
 */
#ifndef SLUICE_TASK_CONFIG_TREE_H
#define SLUICE_TASK_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define CONF_TREE_DEPTH 16    /* nesting of the text */
#define CONF_TREE_NODES 20000 /* nodes in all */

enum conf_kind { CONF_SCALAR, CONF_SEQUENCE, CONF_MAP };

struct conf_node {
    enum conf_kind kind;
    bool quoted;        /* a scalar in quotes: always text, never null */
    int line, col;      /* from 1; 0 when `origin` is not a file */
    const char *origin; /* file name, variable name or "--set a.b"; outlives the tree */
    char *key;          /* in a map: name of this entry; else NULL */
    int key_line, key_col;
    char *text;            /* of a scalar */
    struct conf_node **at; /* of a map or a sequence */
    size_t count;
};

/*
 * Reads one YAML document; an empty one gives an empty map. Anchors, aliases, tags, duplicate keys, keys
 * that are no scalars and a second document are errors. Without `file` positions are not kept (the text
 * did not come from a file). The message begins with the place.
 */
int conf_tree_parse(const char *text, size_t len, const char *origin, bool file,
                    struct conf_node **ret, struct err *e);

struct conf_node *conf_node_new(enum conf_kind kind, const char *origin);
struct conf_node *conf_node_free(struct conf_node *n);
struct conf_node *conf_node_get(const struct conf_node *map, const char *key); /* NULL: none */
void conf_node_add(struct conf_node *parent, struct conf_node *child);

/* A scalar that was left empty: nothing, ~ or null, without quotes. */
bool conf_node_null(const struct conf_node *n);

/* Sets "file:line:col: message" and returns -1. */
int conf_node_err(const struct conf_node *n, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for the place of the node's key. */
int conf_key_err(const struct conf_node *n, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
