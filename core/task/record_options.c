/*
 * record_options: the `sluice` object of a request record and the list of models that the task
 * accepts. One row of the table a member; a member that is not in the table is an error.
 */
#include "task/record_int.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"

static int set_cache(struct task *t, const char *path, struct json_object *v, struct err *e)
{
    static const char *const names[] = {"use", "refresh", "off"};
    static const enum cache_mode modes[] = {CACHE_USE, CACHE_REFRESH, CACHE_OFF};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(names) && json_object_is_type(v, json_type_string); i++) {
        if (strcmp(json_object_get_string(v), names[i]) != 0)
            continue;
        t->cache = modes[i];
        return 0;
    }
    return record_wrong(e, path, "\"use\", \"refresh\" or \"off\"", v);
}

static int set_deadline(struct task *t, const char *path, struct json_object *v, struct err *e)
{
    if (!json_object_is_type(v, json_type_string) ||
        clock_parse_rfc3339(json_object_get_string(v), &t->deadline_wall_ms) < 0)
        return record_wrong(e, path, "a time such as \"2030-12-01T00:00:00Z\" (RFC 3339)", v);
    if (t->deadline_wall_ms <= 0)
        return record_wrong(e, path, "a time after 1970", v);
    return 0;
}

static int set_metadata(struct task *t, const char *path, struct json_object *v, struct err *e)
{
    struct buf b = BUF_INIT(RECORD_METADATA_MAX);

    if (!json_object_is_type(v, json_type_object))
        return record_wrong(e, path, "an object", v);
    if (json_write(v, &b) < 0) {
        buf_done(&b);
        return err_set(e, EX_DATAERR, "%s is larger than %d bytes; make it smaller", path,
                       RECORD_METADATA_MAX);
    }
    t->metadata = buf_steal(&b, NULL);
    return 0;
}

static int set_models(struct task *t, const char *path, struct json_object *v, struct err *e)
{
    (void)t;
    /* The list itself is read by record_models(), which needs the body too. */
    if (!json_object_is_type(v, json_type_array) && !json_object_is_type(v, json_type_string))
        return record_wrong(e, path, "a model name or a list of them", v);
    return 0;
}

static int set_priority(struct task *t, const char *path, struct json_object *v, struct err *e)
{
    int64_t n = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : -1;

    if (n < 0 || n >= TASK_PRIORITIES)
        return record_wrong(e, path, "an integer from 0 to 9", v);
    t->priority = (int)n;
    return 0;
}

static int set_sample(struct task *t, const char *path, struct json_object *v, struct err *e)
{
    if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0)
        return record_wrong(e, path, "an integer that is not negative", v);
    t->sample = json_object_get_int64(v);
    return 0;
}

static int set_tenant(struct task *t, const char *path, struct json_object *v, struct err *e)
{
    int n = json_object_is_type(v, json_type_string) ? json_object_get_string_len(v) : 0;

    if (n < 1 || n > RECORD_TENANT_MAX)
        return record_wrong(e, path, "a string of 1 to 128 bytes", v);
    t->tenant = mem_strdup(json_object_get_string(v));
    return 0;
}

static int set_session(struct task *t, const char *path, struct json_object *v, struct err *e)
{
    int n = json_object_is_type(v, json_type_string) ? json_object_get_string_len(v) : 0;

    if (n < 1 || n > RECORD_SESSION_MAX)
        return record_wrong(e, path, "a string of 1 to 256 bytes", v);
    t->session = mem_strdup(json_object_get_string(v));
    return 0;
}

static const struct {
    const char *name;
    int (*set)(struct task *t, const char *path, struct json_object *v, struct err *e);
} members[] = {
    {"cache", set_cache},     {"deadline", set_deadline}, {"metadata", set_metadata},
    {"models", set_models},   {"priority", set_priority}, {"sample", set_sample},
    {"session", set_session}, {"tenant", set_tenant},
};

static int unknown_member(const char *name, struct err *e)
{
    const char *names[ARRAY_LEN(members)];
    const char *near = NULL;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(members); i++)
        names[i] = members[i].name;
    near = config_nearest(name, names, ARRAY_LEN(names));
    if (near)
        return err_set(e, EX_DATAERR, "sluice.%.64s is not known; did you mean `%s`?", name, near);
    return err_set(e, EX_DATAERR,
                   "sluice.%.64s is not known; there are cache, deadline, metadata, models, "
                   "priority, sample, session and tenant",
                   name);
}

static int set_member(struct task *t, const char *name, struct json_object *v, struct err *e)
{
    char path[RECORD_PATH_MAX];
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(members); i++) {
        if (strcmp(name, members[i].name) != 0)
            continue;
        if (!v)
            return 0;
        snprintf(path, sizeof path, "sluice.%s", name);
        return members[i].set(t, path, v, e);
    }
    return unknown_member(name, e);
}

int record_options(struct task *t, struct json_object *options, struct err *e)
{
    if (!options)
        return 0;
    if (!json_object_is_type(options, json_type_object))
        return record_wrong(e, "sluice", "an object", options);
    json_object_object_foreach(options, name, v)
    {
        if (set_member(t, name, v, e) < 0)
            return -1;
    }
    return 0;
}

/* A name that is in no row: names the nearest, or some of those that are there. */
static int unknown_model(const struct config *c, const struct record_path *at, const char *name,
                         struct err *e)
{
    char path[RECORD_PATH_MAX];
    const char *names[CONFIG_MODELS_MAX];
    struct buf some = BUF_INIT(200);
    const char *near = NULL;
    size_t n = c->nmodels < CONFIG_MODELS_MAX ? c->nmodels : CONFIG_MODELS_MAX;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        names[i] = c->models[i].model_name;
        if (config_model(c, names[i], 0) == &c->models[i])
            buf_printf(&some, "%s`%s`", some.len ? ", " : "", names[i]);
    }
    near = config_nearest(name, names, n);
    record_path_text(at, path);
    if (near)
        err_set(e, EX_DATAERR, "%s: model \"%.128s\" is not in model_list; did you mean `%s`?",
                path, name, near);
    else
        err_set(e, EX_DATAERR, "%s: model \"%.128s\" is not in model_list, which has %s%s", path,
                name, some.len ? some.data : "no rows", some.over ? ", ..." : "");
    buf_done(&some);
    return -1;
}

static bool has_model(const struct task *t, const char *name)
{
    int i = 0;

    for (i = 0; i < t->nmodels; i++) {
        if (strcmp(t->models[i], name) == 0)
            return true;
    }
    return false;
}

static int add_model(struct task *t, const struct config *c, const struct record_path *at,
                     struct json_object *v, struct err *e)
{
    const char *name = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
    char path[RECORD_PATH_MAX];

    if (!*name)
        return record_wrong_at(e, at, "the name of a model", v);
    if (c->nmodels > 0 && !config_model(c, name, 0))
        return unknown_model(c, at, name, e);
    if (t->nmodels == TASK_MODELS_MAX)
        return err_set(e, EX_DATAERR, "%s: a task accepts at most %d models",
                       record_path_text(at, path), TASK_MODELS_MAX);
    t->models[t->nmodels++] = mem_strdup(name);
    return 0;
}

/* body.model may stand in the list too; otherwise a name stands there once. */
static int add_list(struct task *t, const struct config *c, const struct record_path *at,
                    struct json_object *list, struct err *e)
{
    size_t n = json_object_array_length(list);
    char path[RECORD_PATH_MAX];
    bool named = t->nmodels > 0;
    size_t i = 0;

    if (n == 0)
        return err_set(e, EX_DATAERR, "sluice.models is empty; name a model or leave it out");
    for (i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(list, i);
        const char *name =
            json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

        if (name && named && strcmp(name, t->models[0]) == 0) {
            named = false;
            continue;
        }
        if (name && has_model(t, name))
            return err_set(e, EX_DATAERR, "%s: \"%.128s\" is named twice; keep one of them",
                           record_path_text(RECORD_ITEM(at, i), path), name);
        if (add_model(t, c, RECORD_ITEM(at, i), v, e) < 0)
            return -1;
    }
    return 0;
}

int record_models(struct task *t, const struct config *c, struct json_object *options,
                  const struct record_path *body, struct err *e)
{
    struct json_object *first = json_get(t->body, "model");
    struct json_object *list = json_get(options, "models");
    bool single = json_object_is_type(list, json_type_string);
    const struct record_path *at = RECORD_AT(body, "model");
    const struct record_path *list_at = RECORD_AT(RECORD_AT(NULL, "sluice"), "models");
    char path[RECORD_PATH_MAX];

    if (first && add_model(t, c, at, first, e) < 0)
        return -1;
    if (json_object_is_type(list, json_type_array) && add_list(t, c, list_at, list, e) < 0)
        return -1;
    if (single && !has_model(t, json_object_get_string(list)) &&
        add_model(t, c, list_at, list, e) < 0)
        return -1;
    if (t->nmodels > 0)
        return 0;
    if (c->nmodels == 0)
        return 0; /* the worker that has the models may have a default as well */
    if (!c->default_model || !*c->default_model)
        return err_set(e, EX_DATAERR,
                       "%s is missing; name a model of model_list, or set default_model in the "
                       "configuration",
                       record_path_text(at, path));
    if (!config_model(c, c->default_model, 0))
        return unknown_model(c, RECORD_AT(NULL, "default_model"), c->default_model, e);
    t->models[t->nmodels++] = mem_strdup(c->default_model);
    return 0;
}
