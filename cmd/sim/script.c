/* script: reads and applies exact fault scenarios; see script.h. state.c calls it under its lock. */
#include "cmd/sim/script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/spec.h"

static void line_done(struct sim_script_line *l)
{
    free(l->model);
    free(l->contains);
    free(l->api);
    sim_raw_free(l->fault.raw);
}

void sim_script_done(struct sim_script *s)
{
    for (size_t i = 0; i < s->count; i++)
        line_done(&s->lines[i]);
    free(s->lines);
    *s = (struct sim_script){0};
}

void sim_script_restart(struct sim_script *s)
{
    for (size_t i = 0; i < s->count; i++)
        s->lines[i].matched = s->lines[i].applied = 0;
}

/* Every key must be known: a typo would make a scenario that never happens. */
static int check_keys(struct json_object *o, const char *const *known, const char *where,
                      struct err *e)
{
    json_object_object_foreach(o, key, value)
    {
        size_t i = 0;

        (void)value;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return err_set(e, EX_DATAERR, "%s has an unknown member \"%s\"", where, key);
    }
    return 0;
}

static int read_time(struct json_object *o, const char *key, int64_t *ret, struct err *e)
{
    struct json_object *v = json_get(o, key);

    if (v && sim_spec_duration(json_object_get_string(v), ret) < 0)
        return err_set(e, EX_DATAERR, "\"%s\" is no duration, such as \"10s\"", key);
    return 0;
}

static int read_match(struct json_object *m, struct sim_script_line *l, struct err *e)
{
    static const char *const known[] = {"model", "contains", "api", "attempt", "nth", NULL};

    if (!m)
        return 0;
    if (!json_object_is_type(m, json_type_object))
        return err_set(e, EX_DATAERR, "\"match\" must be an object");
    l->model = mem_strdup(json_get_str(m, "model"));
    l->contains = mem_strdup(json_get_str(m, "contains"));
    l->api = mem_strdup(json_get_str(m, "api"));
    l->attempt = json_get_int(m, "attempt", 0);
    l->nth = json_get_int(m, "nth", 0);
    return check_keys(m, known, "\"match\"", e);
}

static int read_fault(struct json_object *f, struct sim_script_line *l, struct err *e)
{
    const char *kind = json_get_str(f, "kind");

    if (!f)
        return err_set(e, EX_DATAERR, "\"fault\" is missing");
    if (kind && strcmp(kind, "none") == 0) {
        sim_fault_default(SIM_NONE, &l->fault);
        return 0;
    }
    return sim_fault_from_json(f, &l->fault, e);
}

static int read_line(struct json_object *o, struct sim_script_line *l, struct err *e)
{
    static const char *const known[] = {"match", "fault", "times", "from", "until", NULL};

    if (!json_object_is_type(o, json_type_object))
        return err_set(e, EX_DATAERR, "a line must be an object");
    if (check_keys(o, known, "the line", e) < 0 || read_match(json_get(o, "match"), l, e) < 0 ||
        read_fault(json_get(o, "fault"), l, e) < 0 || read_time(o, "from", &l->from_ms, e) < 0 ||
        read_time(o, "until", &l->until_ms, e) < 0)
        return -1;
    l->times = json_get_int(o, "times", 0);
    return 0;
}

int sim_script_add(struct sim_script *s, const char *line, size_t n, struct err *e)
{
    CLEANUP_JSON struct json_object *o = NULL;
    struct sim_script_line l = {0};

    if (s->count == SIM_SCRIPT_LINES_MAX)
        return err_set(e, EX_DATAERR, "more than %d lines", SIM_SCRIPT_LINES_MAX);
    if (json_parse(line, n, &o, e) < 0)
        return -1;
    if (read_line(o, &l, e) < 0) {
        line_done(&l);
        return -1;
    }
    s->lines = mem_grow(s->lines, s->count + 1, sizeof *s->lines);
    s->lines[s->count++] = l;
    return 0;
}

static void close_file(FILE **f)
{
    if (*f)
        fclose(*f);
}

int sim_script_load(struct sim_script *s, const char *path, struct err *e)
{
    CLEANUP(close_file) FILE *f = fopen(path, "re");
    CLEANUP_FREE char *line = NULL;
    size_t cap = 0;
    ssize_t n = 0;

    if (!f)
        return err_set(e, EX_NOINPUT, "--script %s: %s", path, strerror(errno));
    for (int number = 1; (n = getline(&line, &cap, f)) >= 0; number++) {
        size_t blank = strspn(line, " \t\r\n");

        if (blank == (size_t)n || line[blank] == '#')
            continue;
        if (sim_script_add(s, line, (size_t)n, e) < 0) {
            if (e)
                e->code = EX_DATAERR;
            return err_wrap(e, "%s:%d", path, number);
        }
    }
    return 0;
}

static bool same(const char *want, const char *have)
{
    return !want || strcmp(want, have) == 0;
}

static bool matches(struct sim_script_line *l, const struct sim_script_ask *a)
{
    if (a->at_ms < l->from_ms || (l->until_ms && a->at_ms >= l->until_ms))
        return false;
    if (!same(l->model, a->model) || !same(l->api, a->api) ||
        (l->attempt && l->attempt != a->attempt))
        return false;
    if (l->contains && !memmem(a->body, a->body_len, l->contains, strlen(l->contains)))
        return false;
    l->matched++;
    return !l->nth || l->nth == l->matched;
}

const struct sim_fault *sim_script_apply(struct sim_script *s, const struct sim_script_ask *a)
{
    for (size_t i = 0; i < s->count; i++) {
        struct sim_script_line *l = &s->lines[i];

        if ((l->times && l->applied >= l->times) || !matches(l, a))
            continue;
        l->applied++;
        return &l->fault;
    }
    return NULL;
}
