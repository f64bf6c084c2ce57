/*
 * config_lists: the values that are lists or maps: string lists, headers, JSON, fallbacks and the
 * properties of librdkafka. Which properties are allowed is decided in config_kafka.c.
 */
#include "task/config_apply.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#define LIST_MAX       1000
#define HEADERS_MAX    16
#define PROPERTIES_MAX 500
#define JSON_MAX       ((size_t)1 << 18)

static void wipe_cleanup(char **text)
{
    conf_wipe(*text);
}

#define CLEANUP_WIPE CLEANUP(wipe_cleanup)

int conf_apply_list(const struct apply *a, const struct conf_node *n, const char *path,
                    struct string_list *l)
{
    size_t i = 0;

    conf_list_release(l);
    for (i = 0; i < n->count; i++) {
        CLEANUP_WIPE char *text = NULL;

        if (n->at[i]->kind != CONF_SCALAR || conf_node_null(n->at[i]))
            return conf_node_err(n->at[i], a->e, "%s: each entry is a plain text", path);
        if (i == LIST_MAX)
            return conf_node_err(n->at[i], a->e, "%s: more than %d entries", path, LIST_MAX);
        if (conf_expand(a, n->at[i], &text) < 0)
            return -1;
        conf_list_add(l, text, strlen(text));
    }
    return 0;
}

/* A header name is an RFC 9110 token; a value must not be able to end its line. */
static int check_header(const struct apply *a, const struct conf_node *n, const char *path,
                        const char *value)
{
    static const char token[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
    const char *p = NULL;

    if (!*n->key || n->key[strspn(n->key, token)])
        return conf_key_err(n, a->e, "%s: `%.60s` is no name of an HTTP header", path, n->key);
    for (p = value; *p; p++) {
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return conf_node_err(n, a->e,
                                 "%s.%s: a control byte, such as an end of line, cannot "
                                 "stand in a header",
                                 path, n->key);
    }
    return 0;
}

int conf_apply_properties(const struct apply *a, const struct conf_node *n, const char *path,
                          struct property_list *l)
{
    size_t i = 0;

    if (conf_node_null(n))
        return 0;
    if (n->kind != CONF_MAP)
        return conf_node_err(n, a->e, "%s: write one `name: value` a line", path);
    for (i = 0; i < n->count; i++) {
        CLEANUP_WIPE char *value = NULL;

        if (n->at[i]->kind != CONF_SCALAR)
            return conf_node_err(n->at[i], a->e, "%s.%s: a plain text is wanted here", path,
                                 n->at[i]->key);
        if (i == HEADERS_MAX)
            return conf_key_err(n->at[i], a->e, "%s: more than %d headers", path, HEADERS_MAX);
        if (conf_expand(a, n->at[i], &value) < 0 || check_header(a, n->at[i], path, value) < 0)
            return -1;
        conf_property_add(l, n->at[i]->key, value, n->at[i]->line);
    }
    return 0;
}

/* Does this unquoted text mean a JSON number? (RFC 8259, section 6) */
static bool is_number(const char *t)
{
    static const char digits[] = "0123456789";
    size_t n = 0;

    t += *t == '-';
    n = strspn(t, digits);
    if (n == 0 || (n > 1 && *t == '0'))
        return false;
    t += n;
    if (*t == '.') {
        n = strspn(t + 1, digits);
        t += n ? n + 1 : 0;
    }
    if (*t == 'e' || *t == 'E') {
        t += t[1] == '+' || t[1] == '-' ? 2 : 1;
        n = strspn(t, digits);
        t += n;
        if (n == 0)
            return false;
    }
    return *t == '\0';
}

static int json_scalar(const struct apply *a, const struct conf_node *n, struct buf *out)
{
    CLEANUP_WIPE char *text = NULL;

    if (conf_node_null(n))
        return buf_str(out, "null");
    if (conf_expand(a, n, &text) < 0)
        return -1;
    if (!n->quoted && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0 || is_number(text)))
        return buf_str(out, text);
    return buf_json_str(out, text, strlen(text));
}

/* YAML to JSON: here, and only here, the look of an unquoted scalar decides its type. */
static int json_node(const struct apply *a, const struct conf_node *n, struct buf *out)
{
    bool map = n->kind == CONF_MAP;
    size_t i = 0;

    if (n->kind == CONF_SCALAR)
        return json_scalar(a, n, out);
    buf_char(out, map ? '{' : '[');
    for (i = 0; i < n->count; i++) {
        if (i)
            buf_char(out, ',');
        if (map) {
            buf_json_str(out, n->at[i]->key, strlen(n->at[i]->key));
            buf_char(out, ':');
        }
        if (json_node(a, n->at[i], out) < 0)
            return -1;
    }
    return buf_char(out, map ? '}' : ']');
}

int conf_apply_json(const struct apply *a, const struct conf_node *n, const char *path,
                    char **field)
{
    struct buf out = BUF_INIT(JSON_MAX);
    CLEANUP_WIPE char *text = NULL;
    struct err why = {0};
    int bad = 0;

    if (conf_node_null(n))
        return 0;
    if (a->e)
        a->e->msg[0] = '\0';
    if (n->kind == CONF_SCALAR)
        bad = conf_expand(a, n, &text);
    else
        bad = json_node(a, n, &out);
    if (!text)
        text = buf_steal(&out, NULL);
    if (bad < 0 && a->e && a->e->msg[0])
        return -1;
    if (bad < 0)
        return conf_node_err(n, a->e, "%s: larger than %zu bytes", path, JSON_MAX);
    if (json_check(text, strlen(text), JSON_DEPTH_MAX, &why) < 0)
        return conf_node_err(n, a->e, "%s: %s", path, why.msg);
    if (text[strspn(text, " \t\r\n")] != '{')
        return conf_node_err(n, a->e, "%s: write keys with values, or a JSON object", path);
    *field = STEAL(text);
    return 0;
}

size_t conf_region_count(const struct conf_node *row)
{
    const struct conf_node *params = NULL;
    const struct conf_node *regions = NULL;

    if (row->kind != CONF_MAP)
        return 1;
    params = conf_node_get(row, "params");
    if (!params)
        params = conf_node_get(row, "litellm_params");
    if (params && params->kind == CONF_MAP)
        regions = conf_node_get(params, "aws_region_name");
    if (!regions || regions->kind == CONF_SCALAR || regions->count == 0)
        return 1;
    return regions->count;
}

static int region_weight(const struct apply *a, const struct conf_node *n, const char *path,
                         double *ret)
{
    CLEANUP_WIPE char *text = NULL;

    if (n->kind != CONF_SCALAR || conf_node_null(n))
        return conf_node_err(n, a->e, "%s.%.60s: a weight is wanted here, such as 1", path, n->key);
    if (conf_expand(a, n, &text) < 0)
        return -1;
    if (config_num(text, ret) < 0 || *ret < 0 || *ret > 1e6)
        return conf_node_err(n, a->e, "%s.%.60s: a weight is a number from 0 to 1000000", path,
                             n->key);
    return 0;
}

int conf_apply_region(struct apply *a, const struct conf_node *n, const char *path, char **field)
{
    CLEANUP(conf_list_release) struct string_list names = {0};
    size_t i = 0;
    size_t k = 0;

    if (n->kind == CONF_SEQUENCE && conf_apply_list(a, n, path, &names) < 0)
        return -1;
    for (i = 0; n->kind == CONF_MAP && i < n->count; i++)
        conf_list_add(&names, n->at[i]->key, strlen(n->at[i]->key));
    if (names.count == 0)
        return conf_node_err(n, a->e, "%s names no region", path);
    for (i = 0; i < names.count; i++) {
        for (k = 0; k < i; k++) {
            if (strcmp(names.at[i], names.at[k]) == 0)
                return conf_node_err(n->at[i], a->e, "%s: `%.60s` stands twice", path, names.at[i]);
        }
    }
    if (n->kind == CONF_MAP && region_weight(a, n->at[a->region], path, &a->region_weight) < 0)
        return -1;
    conf_wipe(*field);
    *field = mem_strdup(names.at[a->region]);
    return 0;
}

static int fallback_targets(const struct apply *a, const struct conf_node *n, const char *path,
                            struct string_list *to)
{
    CLEANUP_WIPE char *text = NULL;

    if (n->kind == CONF_SEQUENCE)
        return conf_apply_list(a, n, path, to);
    if (conf_expand(a, n, &text) < 0)
        return -1;
    conf_list_add(to, text, strlen(text));
    return 0;
}

/* The entries of one map: {from: [to, to], from: to}. */
static int fallback_entries(const struct apply *a, const struct conf_node *map, const char *path,
                            struct fallback_list *l)
{
    size_t i = 0;
    size_t k = 0;

    for (i = 0; i < map->count; i++) {
        const struct conf_node *n = map->at[i];
        struct fallback *f = NULL;

        for (k = 0; k < l->count; k++) {
            if (strcmp(l->at[k].from, n->key) == 0)
                return conf_key_err(n, a->e, "%s: `%s` is given twice, first in line %d", path,
                                    n->key, l->at[k].line);
        }
        if (l->count == LIST_MAX)
            return conf_key_err(n, a->e, "%s: more than %d entries", path, LIST_MAX);
        l->at = mem_grow(l->at, l->count + 1, sizeof *l->at);
        f = &l->at[l->count++];
        *f = (struct fallback){.from = mem_strdup(n->key), .line = n->line};
        if (n->kind == CONF_MAP || conf_node_null(n))
            return conf_node_err(n, a->e, "%s: write it as `%s: [other-model]`", path, n->key);
        if (fallback_targets(a, n, path, &f->to) < 0)
            return -1;
    }
    return 0;
}

int conf_apply_fallbacks(const struct apply *a, const struct conf_node *n, const char *path,
                         struct fallback_list *l)
{
    size_t i = 0;

    if (conf_node_null(n))
        return 0;
    if (n->kind == CONF_MAP)
        return fallback_entries(a, n, path, l);
    for (i = 0; n->kind == CONF_SEQUENCE && i < n->count; i++) {
        if (n->at[i]->kind != CONF_MAP)
            return conf_node_err(n->at[i], a->e, "%s: write it as `- model: [other-model]`", path);
        if (fallback_entries(a, n->at[i], path, l) < 0)
            return -1;
    }
    if (n->kind == CONF_SCALAR)
        return conf_node_err(n, a->e, "%s: write it as a list of `model: [other-model]`", path);
    return 0;
}

static int kafka_map(const struct apply *a, const struct conf_node *map, const char *path,
                     struct property_list *l)
{
    size_t i = 0;

    for (i = 0; i < map->count; i++) {
        const struct conf_node *n = map->at[i];
        CLEANUP_WIPE char *value = NULL;

        if (n->kind != CONF_SCALAR)
            return conf_key_err(n, a->e,
                                "%s.%.80s: properties are written in one word with dots, "
                                "such as `bootstrap.servers: localhost:9092`",
                                path, n->key);
        if (l->count == PROPERTIES_MAX)
            return conf_key_err(n, a->e, "%s: more than %d properties", path, PROPERTIES_MAX);
        if (conf_node_null(n))
            return conf_key_err(n, a->e, "%s.%.80s has no value; give one, or delete the line",
                                path, n->key);
        if (conf_expand(a, n, &value) < 0)
            return -1;
        conf_property_add(l, n->key, value, n->line);
    }
    return 0;
}

/* One of the two maps for one client, which are then left out of the properties for both. */
static int kafka_client(const struct apply *a, const struct conf_node *n, const char *path,
                        struct property_list *l)
{
    if (!n || conf_node_null(n))
        return 0;
    if (n->kind != CONF_MAP)
        return conf_node_err(n, a->e, "%s: write one `property: value` a line", path);
    return kafka_map(a, n, path, l);
}

int conf_apply_kafka(const struct apply *a, const struct conf_node *n)
{
    struct conf_node both = {.kind = CONF_MAP, .origin = n->origin, .line = n->line, .col = n->col};
    size_t i = 0;
    int bad = 0;

    if (conf_node_null(n))
        return 0;
    if (n->kind != CONF_MAP)
        return conf_node_err(n, a->e, "kafka: write one `property: value` a line");
    if (kafka_client(a, conf_node_get(n, "consumer"), "kafka.consumer", &a->c->kafka_consumer) ||
        kafka_client(a, conf_node_get(n, "producer"), "kafka.producer", &a->c->kafka_producer))
        return -1;
    for (i = 0; i < n->count; i++) {
        if (strcmp(n->at[i]->key, "consumer") != 0 && strcmp(n->at[i]->key, "producer") != 0)
            conf_node_add(&both, n->at[i]);
    }
    bad = kafka_map(a, &both, "kafka", &a->c->kafka);
    free(both.at);
    return bad;
}
