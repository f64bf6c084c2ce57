/*
 * fault: the table of fault kinds, reading them from text or JSON, and drawing from a plan; see fault.h.
 * Pure: how a fault looks on the wire is in reply.c and the dialects.
 */
#include "cmd/sim/fault.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cmd/sim/hash.h"
#include "cmd/sim/spec.h"

#define PIECE_MAX 80

static const struct {
    const char *name;
    bool billed;
} kinds[SIM_KINDS] = {
    [SIM_NONE] = {"none", true},         [SIM_429] = {"429", false},
    [SIM_500] = {"500", false},          [SIM_503] = {"503", false},
    [SIM_529] = {"529", false},          [SIM_QUOTA] = {"quota", false},
    [SIM_AUTH] = {"auth", false},        [SIM_NOTFOUND] = {"notfound", false},
    [SIM_CONTEXT] = {"context", false},  [SIM_RESET] = {"reset", false},
    [SIM_STALL] = {"stall", false},      [SIM_CUT] = {"cut", true},
    [SIM_DRIP] = {"drip", true},         [SIM_ERROR200] = {"error200", false},
    [SIM_EMPTY200] = {"empty200", true}, [SIM_HTML200] = {"html200", false},
    [SIM_NOTJSON] = {"notjson", false},  [SIM_REFUSAL] = {"refusal", true},
    [SIM_LENGTH] = {"length", true},     [SIM_FILTER] = {"filter", true},
    [SIM_HUGE] = {"huge", true},         [SIM_RAW] = {"raw", false},
};

static const char *const headers[] = {
    [SIM_HEADER_RETRY_AFTER] = "retry-after",
    [SIM_HEADER_RETRY_AFTER_MS] = "retry-after-ms",
    [SIM_HEADER_DATE] = "retry-after-date",
    [SIM_HEADER_RESET] = "reset",
    [SIM_HEADER_NONE] = "none",
};

const char *sim_kind_name(enum sim_kind kind)
{
    return kinds[kind].name;
}

bool sim_kind_billed(enum sim_kind kind)
{
    return kinds[kind].billed;
}

int sim_header_parse(const char *text, enum sim_header *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        if (strcmp(text, headers[i]) == 0) {
            *ret = (enum sim_header)i;
            return 0;
        }
    return -1;
}

void sim_fault_default(enum sim_kind kind, struct sim_fault *ret)
{
    *ret = (struct sim_fault){.kind = kind, .for_ms = 60000, .percent = 50};
    ret->header = kind == SIM_429 ? SIM_HEADER_RETRY_AFTER : SIM_HEADER_NONE;
    ret->wait_ms = kind == SIM_DRIP ? 100 : 1000;
    ret->bytes = kind == SIM_DRIP ? 64 : 64 << 20;
}

static int find_kind(const char *name, struct sim_fault *ret, struct err *e)
{
    char all[256];
    size_t n = 0;

    for (int i = SIM_NONE + 1; i < SIM_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            sim_fault_default((enum sim_kind)i, ret);
            return 0;
        }
    all[0] = 0;
    for (int i = SIM_NONE + 1; i < SIM_KINDS && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", kinds[i].name);
    return err_set(e, EX_USAGE, "fault \"%s\" is none of: %s", name, all);
}

static int set_percent(const char *value, int64_t *ret)
{
    double d = 0;

    if (sim_spec_number(value, &d) < 0 || d > 100)
        return -1;
    *ret = (int64_t)d;
    return 0;
}

static int set(struct sim_fault *f, const char *key, const char *value, struct err *e)
{
    int rc = -1;

    if (strcmp(key, "header") == 0)
        rc = sim_header_parse(value, &f->header);
    else if (strcmp(key, "wait") == 0)
        rc = sim_spec_duration(value, &f->wait_ms);
    else if (strcmp(key, "for") == 0)
        rc = sim_spec_duration(value, &f->for_ms);
    else if (strcmp(key, "bytes") == 0)
        rc = sim_spec_size(value, &f->bytes);
    else if (strcmp(key, "at") == 0)
        rc = set_percent(value, &f->percent);
    else
        return err_set(
            e, EX_USAGE,
            "\"%s\" is no property of a fault; there are header, wait, for, bytes, at and "
            "model",
            key);
    if (rc < 0)
        return err_set(e, EX_USAGE, "%s=%s cannot be read; see sluice sim --help", key, value);
    return 0;
}

static int add_settings(struct sim_fault_rule *r, const char *at, struct err *e)
{
    char key[PIECE_MAX], value[PIECE_MAX];
    int more = 0;

    while ((more = sim_spec_next(&at, key, value, sizeof key)) == 1) {
        if (strcmp(key, "model") == 0)
            snprintf(r->model, sizeof r->model, "%.63s", value);
        else if (set(&r->fault, key, value, e) < 0)
            return -1;
    }
    return more < 0 ? err_set(e, EX_USAGE, "a property is longer than %d bytes", PIECE_MAX) : 0;
}

/* text without the context that the caller adds to messages. */
static int parse_rule(const char *text, struct sim_fault_rule *ret, struct err *e)
{
    struct sim_fault_rule r = {0};
    char head[PIECE_MAX], none[PIECE_MAX];
    char *colon = NULL;

    if (sim_spec_next(&text, head, none, sizeof head) != 1 || !(colon = strchr(head, ':')))
        return err_set(e, EX_USAGE, "write KIND:PERCENT, such as 429:10");
    *colon = 0;
    if (find_kind(head, &r.fault, e) < 0)
        return -1;
    if (r.fault.kind == SIM_RAW)
        return err_set(e, EX_USAGE, "what raw says can only stand in a --script");
    if (sim_spec_number(colon + 1, &r.percent) < 0 || r.percent > 100)
        return err_set(e, EX_USAGE, "\"%s\" is no percentage from 0 to 100", colon + 1);
    if (add_settings(&r, text, e) < 0)
        return -1;
    *ret = r;
    return 0;
}

int sim_plan_add(struct sim_plan *p, const char *text, struct err *e)
{
    if (p->count == SIM_RULES_MAX)
        return err_set(e, EX_USAGE, "--fault can be given %d times at most", SIM_RULES_MAX);
    if (parse_rule(text, &p->rules[p->count], e) < 0)
        return err_wrap(e, "--fault %s", text);
    p->count++;
    return 0;
}

int sim_fault_from_json(struct json_object *o, struct sim_fault *ret, struct err *e)
{
    struct sim_fault f = {0};
    const char *kind = json_get_str(o, "kind");

    if (!kind)
        return err_set(e, EX_DATAERR, "fault needs a \"kind\", such as \"429\"");
    if (find_kind(kind, &f, e) < 0)
        return -1;
    if (f.kind == SIM_RAW) {
        f.raw = sim_raw_new(o, e);
        *ret = f;
        return f.raw ? 0 : -1;
    }
    json_object_object_foreach(o, key, value)
    {
        if (strcmp(key, "kind") != 0 && set(&f, key, json_object_get_string(value), e) < 0)
            return -1;
    }
    *ret = f;
    return 0;
}

const struct sim_fault *sim_plan_draw(const struct sim_plan *p, uint64_t seed, uint64_t digest,
                                      uint64_t attempt, const char *model)
{
    struct rng r = {.state = sim_hash_fold(sim_hash_fold(seed, digest), attempt)};
    double point = rng_unit(&r) * 100, sum = 0;

    for (size_t i = 0; i < p->count; i++) {
        if (p->rules[i].model[0] && strcmp(p->rules[i].model, model) != 0)
            continue;
        sum += p->rules[i].percent;
        if (point < sum)
            return &p->rules[i].fault;
    }
    return NULL;
}
