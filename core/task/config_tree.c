/*
 * config_tree: libyaml's events to a tree of nodes with places. It knows YAML and nothing about keys and
 * types of the configuration: all scalars stay text, so that `no`, `012` and 1e3 are what was typed.
 */
#include "task/config_tree.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <yaml.h>

#include "base/mem.h"

struct reader {
    yaml_parser_t parser;
    const char *text;
    size_t len;
    const char *origin;
    bool file;
    size_t nodes;
    struct err *e;
};

static void event_cleanup(yaml_event_t *event)
{
    yaml_event_delete(event);
}

struct conf_node *conf_node_new(enum conf_kind kind, const char *origin)
{
    struct conf_node *n = mem_alloc(sizeof *n);

    n->kind = kind;
    n->origin = origin;
    return n;
}

struct conf_node *conf_node_free(struct conf_node *n)
{
    size_t i = 0;

    if (!n)
        return NULL;
    for (i = 0; i < n->count; i++)
        conf_node_free(n->at[i]);
    free(n->at);
    if (n->text)
        explicit_bzero(n->text, strlen(n->text));
    free(n->text);
    free(n->key);
    free(n);
    return NULL;
}

static void node_cleanup(struct conf_node **n)
{
    conf_node_free(*n);
}

struct conf_node *conf_node_get(const struct conf_node *map, const char *key)
{
    size_t i = 0;

    for (i = 0; i < map->count; i++) {
        if (map->at[i]->key && strcmp(map->at[i]->key, key) == 0)
            return map->at[i];
    }
    return NULL;
}

void conf_node_add(struct conf_node *parent, struct conf_node *child)
{
    if ((parent->count & (parent->count - 1)) == 0)
        parent->at =
            mem_grow(parent->at, parent->count ? 2 * parent->count : 1, sizeof *parent->at);
    parent->at[parent->count++] = child;
}

bool conf_node_null(const struct conf_node *n)
{
    return n->kind == CONF_SCALAR && !n->quoted &&
           (!*n->text || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

static int place_err(struct err *e, const char *origin, int line, int col, const char *fmt,
                     va_list ap) __attribute__((format(printf, 5, 0)));
static int place_err(struct err *e, const char *origin, int line, int col, const char *fmt,
                     va_list ap)
{
    char msg[ERR_MSG_MAX];

    vsnprintf(msg, sizeof msg, fmt, ap);
    if (line == 0)
        return err_set(e, EX_CONFIG, "%s: %s", origin, msg);
    return err_set(e, EX_CONFIG, "%s:%d:%d: %s", origin, line, col, msg);
}

int conf_node_err(const struct conf_node *n, struct err *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    place_err(e, n->origin, n->line, n->col, fmt, ap);
    va_end(ap);
    return -1;
}

int conf_key_err(const struct conf_node *n, struct err *e, const char *fmt, ...)
{
    bool keyed = n->key && n->key_line;
    va_list ap;

    va_start(ap, fmt);
    place_err(e, n->origin, keyed ? n->key_line : n->line, keyed ? n->key_col : n->col, fmt, ap);
    va_end(ap);
    return -1;
}

static int mark_err(const struct reader *r, yaml_mark_t mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int mark_err(const struct reader *r, yaml_mark_t mark, const char *fmt, ...)
{
    int line = r->file ? (int)mark.line + 1 : 0;
    va_list ap;

    va_start(ap, fmt);
    place_err(r->e, r->origin, line, (int)mark.column + 1, fmt, ap);
    va_end(ap);
    return -1;
}

/* Column (from 1) of a tab among the leading white space of a line (from 0), or 0. */
static int leading_tab(const struct reader *r, size_t line)
{
    const char *p = r->text;
    const char *end = r->text + r->len;
    int col = 0;

    while (p && line-- > 0) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    for (col = 1; p && p < end && (*p == ' ' || *p == '\t'); p++, col++) {
        if (*p == '\t')
            return col;
    }
    return 0;
}

/* libyaml's own error in our words. */
static int parser_err(const struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    yaml_mark_t mark = p->problem_mark;
    size_t offset = p->problem_offset;
    int tab = 0;

    if (p->error == YAML_READER_ERROR)
        return err_set(r->e, EX_CONFIG, "%s: byte %zu: %s; save the file as UTF-8 text", r->origin,
                       offset + 1, p->problem);
    tab = leading_tab(r, mark.line);
    if (tab) {
        mark.column = (size_t)tab - 1;
        return mark_err(r, mark, "a tab in the indentation; YAML allows only spaces there");
    }
    return mark_err(r, mark, "%s%s%s", p->problem ? p->problem : "this is not YAML",
                    p->context ? " " : "", p->context ? p->context : "");
}

static int next_event(struct reader *r, yaml_event_t *event)
{
    if (!yaml_parser_parse(&r->parser, event)) {
        memset(event, 0, sizeof *event);
        return parser_err(r);
    }
    return 0;
}

/* Refuses what would make a reader guess: anchors, aliases and tags. */
static int check_event(const struct reader *r, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    case YAML_ALIAS_EVENT:
        anchor = event->data.alias.anchor;
        break;
    default:
        break;
    }
    if (anchor)
        return mark_err(r, event->start_mark,
                        "anchors and aliases (&%.40s) are not supported; write the value out, or "
                        "quote it",
                        (const char *)anchor);
    if (tag)
        return mark_err(r, event->start_mark,
                        "tags (%.40s) are not supported; the key decides the type",
                        (const char *)tag);
    return 0;
}

static int read_node(struct reader *r, const yaml_event_t *first, int depth,
                     struct conf_node **ret);

static struct conf_node *node_at(struct reader *r, enum conf_kind kind, const yaml_event_t *event)
{
    struct conf_node *n = conf_node_new(kind, r->origin);

    n->line = r->file ? (int)event->start_mark.line + 1 : 0;
    n->col = (int)event->start_mark.column + 1;
    return n;
}

static int read_scalar(struct reader *r, const yaml_event_t *event, struct conf_node **ret)
{
    const char *text = (const char *)event->data.scalar.value;
    struct conf_node *n = NULL;

    if (strlen(text) != event->data.scalar.length)
        return mark_err(r, event->start_mark, "a NUL byte in a value; delete the \\0");
    n = node_at(r, CONF_SCALAR, event);
    n->text = mem_strdup(text);
    n->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    *ret = n;
    return 0;
}

static int read_sequence(struct reader *r, const yaml_event_t *first, int depth,
                         struct conf_node **ret)
{
    CLEANUP(node_cleanup) struct conf_node *list = node_at(r, CONF_SEQUENCE, first);

    for (;;) {
        CLEANUP(event_cleanup) yaml_event_t event = {0};
        struct conf_node *item = NULL;

        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (read_node(r, &event, depth + 1, &item) < 0)
            return -1;
        conf_node_add(list, item);
    }
    *ret = STEAL(list);
    return 0;
}

/* The value behind a key; takes the key's text over on success. */
static int read_entry(struct reader *r, struct conf_node *map, struct conf_node *key, int depth)
{
    CLEANUP(event_cleanup) yaml_event_t event = {0};
    const struct conf_node *twin = conf_node_get(map, key->text);
    struct conf_node *value = NULL;

    if (twin)
        return conf_node_err(key, r->e, "`%s` is given twice, first in line %d; keep one of them",
                             key->text, twin->key_line);
    if (next_event(r, &event) < 0 || read_node(r, &event, depth + 1, &value) < 0)
        return -1;
    value->key = STEAL(key->text);
    value->key_line = key->line;
    value->key_col = key->col;
    conf_node_add(map, value);
    return 0;
}

static int read_map(struct reader *r, const yaml_event_t *first, int depth, struct conf_node **ret)
{
    CLEANUP(node_cleanup) struct conf_node *map = node_at(r, CONF_MAP, first);

    for (;;) {
        CLEANUP(event_cleanup) yaml_event_t event = {0};
        CLEANUP(node_cleanup) struct conf_node *key = NULL;

        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_MAPPING_END_EVENT)
            break;
        if (read_node(r, &event, depth + 1, &key) < 0)
            return -1;
        if (key->kind != CONF_SCALAR)
            return conf_node_err(key, r->e, "a key must be a plain word");
        if (read_entry(r, map, key, depth) < 0)
            return -1;
    }
    *ret = STEAL(map);
    return 0;
}

static int read_node(struct reader *r, const yaml_event_t *first, int depth, struct conf_node **ret)
{
    if (check_event(r, first) < 0)
        return -1;
    if (depth > CONF_TREE_DEPTH)
        return mark_err(r, first->start_mark, "nested deeper than %d levels", CONF_TREE_DEPTH);
    if (++r->nodes > CONF_TREE_NODES)
        return mark_err(r, first->start_mark, "more than %d values", CONF_TREE_NODES);
    if (first->type == YAML_SCALAR_EVENT)
        return read_scalar(r, first, ret);
    if (first->type == YAML_SEQUENCE_START_EVENT)
        return read_sequence(r, first, depth, ret);
    if (first->type == YAML_MAPPING_START_EVENT)
        return read_map(r, first, depth, ret);
    return mark_err(r, first->start_mark, "a value is missing here");
}

/* Stream start, at most one document, stream end. */
static int read_stream(struct reader *r, struct conf_node **ret)
{
    CLEANUP(node_cleanup) struct conf_node *root = NULL;

    for (;;) {
        CLEANUP(event_cleanup) yaml_event_t event = {0};

        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_STREAM_END_EVENT)
            break;
        if (event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_END_EVENT)
            continue;
        if (event.type != YAML_DOCUMENT_START_EVENT) {
            if (read_node(r, &event, 1, &root) < 0)
                return -1;
        } else if (root) {
            return mark_err(r, event.start_mark, "a second document; one file holds one");
        }
    }
    if (!root)
        root = conf_node_new(CONF_MAP, r->origin);
    *ret = STEAL(root);
    return 0;
}

int conf_tree_parse(const char *text, size_t len, const char *origin, bool file,
                    struct conf_node **ret, struct err *e)
{
    struct reader r = {.text = text, .len = len, .origin = origin, .file = file, .e = e};
    int bad = 0;

    if (!yaml_parser_initialize(&r.parser))
        return err_set(e, EX_OSERR, "%s: no memory to read it", origin);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    bad = read_stream(&r, ret);
    yaml_parser_delete(&r.parser);
    return bad;
}
