/* line: see line.h. */
#include "cmd/convert/line.h"

#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/convert/results.h"
#include "providers/providers.h"
#include "task/record.h"

/* The row by which providers/ write or read bodies of a dialect. */
static int make_vendor(struct conversion *c, const char *dialect, struct err *e)
{
    struct buf yaml = BUF_INIT(4096);
    static char *const no_environment[] = {NULL};
    int rc = 0;

    buf_printf(&yaml,
               "model_list:\n  - model_name: any\n    params:\n      model: %s/any\n"
               "      api_key: none\n      drop_params: %s\n",
               dialect, c->losses.allowed ? "true" : "false");
    rc = config_parse(yaml.data, yaml.len, "(convert)", no_environment, NULL, 0, &c->vendor, e);
    buf_done(&yaml);
    return rc < 0 ? -1 : config_resolve(c->vendor, providers, vendors, no_environment, e);
}

int conversion_open(struct conversion *c, const struct form *from, const struct form *to,
                    struct err *e)
{
    const char *dialect = to->provider ? to->provider : from->provider;
    static char *const no_environment[] = {NULL};

    c->top_k = to->provider != NULL;
    if (config_parse("", 0, "(convert)", no_environment, NULL, 0, &c->config, e) < 0)
        return -1;
    c->config->limits.record_bytes = (int64_t)LINE_OUT_MAX;
    return dialect ? make_vendor(c, dialect, e) : 0;
}

void conversion_done(struct conversion *c)
{
    config_free(c->config);
    config_free(c->vendor);
}

/* The record that the request is: what is wrong with it is found, and named, as everywhere. */
static int parse_record(struct conversion *c, struct request *r)
{
    struct buf record = BUF_INIT(LINE_OUT_MAX);
    struct task *t = task_new();

    form_find("openai")->write(c, r, &record);
    t->origin = (struct task_origin){"file", 0, c->losses.line};
    t->raw = buf_steal(&record, &t->raw_len);
    r->task = t;
    if (record_parse(t, c->config) == RECORD_BAD)
        return err_set(c->e, EX_DATAERR, "%s", t->error->message);
    if (t->nmodels == 0 || !t->models[0] || !*t->models[0])
        return err_set(c->e, EX_DATAERR, "model: is not there; --model says it for all lines");
    return 0;
}

static int convert_request(struct conversion *c, const struct form *from, const struct form *to,
                           struct json_object **root, struct buf *out)
{
    struct request r = {0};
    int rc = 0;

    if (!json_object_is_type(*root, json_type_object))
        return err_set(c->e, EX_DATAERR, "must be a JSON object");
    rc = from->read(c, root, &r);
    if (rc == 0 && c->model)
        json_add_str(r.body, "model", c->model);
    if (rc == 0)
        rc = parse_record(c, &r);
    if (rc == 0)
        rc = to->write(c, &r, out);
    request_done(&r);
    return rc < 0 ? -1 : LINE_REQUEST;
}

static int convert_result(struct conversion *c, const struct form *from, const struct form *to,
                          struct json_object *root, struct buf *out)
{
    if (strcmp(to->name, "openai") != 0 || from == to)
        return err_set(c->e, EX_DATAERR,
                       "is a result; results are converted from anthropic, gemini and cookbook to "
                       "openai only");
    return result_convert(c, from, root, out) < 0 ? -1 : LINE_RESULT;
}

int line_convert(struct conversion *c, const struct form *from, const struct form *to,
                 const char *text, size_t len, struct buf *out, struct err *e)
{
    CLEANUP_JSON struct json_object *root = NULL;
    int rc = json_parse(text, len, &root, e);

    c->e = e;
    if (rc == 0)
        rc = result_is(from, root) ? convert_result(c, from, to, root, out)
                                   : convert_request(c, from, to, &root, out);
    if (rc >= 0 && out->over)
        return err_set(e, EX_DATAERR, "becomes larger than %zu bytes", out->max);
    return rc;
}
