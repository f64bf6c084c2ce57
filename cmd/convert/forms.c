/* forms: see forms.h. */
#include "cmd/convert/forms.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/convert/gemini_names.h"
#include "cmd/convert/inward.h"
#include "cmd/convert/readers.h"
#include "task/http.h"
#include "task/provider.h"

#define BODY_MAX     ((size_t)256 << 20)
#define ANTHROPIC_ID 64 /* characters of a custom_id */

const char form_names[] = "openai, anthropic, gemini or cookbook";

void request_done(struct request *r)
{
    free(r->id);
    json_object_put(r->body);
    task_free(r->task);
    *r = (struct request){0};
}

/* ---- reading ---- */

static int read_id(struct conversion *c, struct json_object *root, const char *name, char **ret)
{
    const char *id = json_get_str(root, name);

    if (!id || !*id)
        return err_set(c->e, EX_DATAERR, "%s: must be a string that is not empty", name);
    *ret = mem_strdup(id);
    return 0;
}

/* Members of a line besides those that are read. */
static int check_line(struct conversion *c, struct json_object *root, const char *const *known)
{
    json_object_object_foreach(root, name, v)
    {
        char field[80];
        size_t i = 0;

        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        snprintf(field, sizeof field, "%.79s", name);
        if (v && !known[i] &&
            losses_add(&c->losses, field, "it is no member of such a line", c->e) < 0)
            return -1;
    }
    return 0;
}

const char *form_url(const char *url)
{
    static const char *const urls[] = {"/v1/chat/completions", "/v1/responses", "/v1/embeddings"};

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        if (strcmp(urls[i], url) == 0 || strcmp(urls[i] + 3, url) == 0) /* Azure has no /v1 */
            return urls[i];
    }
    return NULL;
}

static int read_openai(struct conversion *c, struct json_object **root, struct request *ret)
{
    static const char *const known[] = {"custom_id", "method", "url", "body", NULL};
    const char *url = json_get_str(*root, "url");

    if (read_id(c, *root, "custom_id", &ret->id) < 0 || check_line(c, *root, known) < 0)
        return -1;
    ret->url = form_url(url ? url : "/v1/chat/completions");
    if (!ret->url)
        return err_set(c->e, EX_DATAERR,
                       "url: must be /v1/chat/completions, /v1/responses or /v1/embeddings, not "
                       "\"%.100s\"",
                       url);
    if (!json_get_type(*root, "body", json_type_object))
        return err_set(c->e, EX_DATAERR, "body: must be an object");
    ret->body = json_object_get(json_get(*root, "body"));
    return 0;
}

/* Reads a vendor's request by its reader. */
static int read_inward(struct conversion *c, struct json_object *theirs, const char *name,
                       int (*read)(struct inward *in, struct json_object *o), struct request *ret)
{
    CLEANUP_JSON struct json_object *answered = json_object_new_object();
    struct inward in = {
        .losses = &c->losses, .top_k = c->top_k, .source = theirs, .answered = answered, .e = c->e};

    if (!json_object_is_type(theirs, json_type_object))
        return err_set(c->e, EX_DATAERR, "%s: must be an object", name);
    ret->url = "/v1/chat/completions";
    ret->body = json_object_new_object();
    in.body = ret->body;
    in.messages = json_add_list(ret->body, "messages");
    return read(&in, theirs) < 0 ? err_wrap(c->e, "%s", name) : 0;
}

static int read_anthropic_line(struct conversion *c, struct json_object **root, struct request *ret)
{
    static const char *const known[] = {"custom_id", "params", NULL};

    if (json_get(*root, "requests"))
        return err_set(c->e, EX_DATAERR,
                       "requests: this is the body of a whole batch; make lines of it first: jq -c "
                       "'.requests[]'");
    if (read_id(c, *root, "custom_id", &ret->id) < 0 || check_line(c, *root, known) < 0)
        return -1;
    return read_inward(c, json_get(*root, "params"), "params", read_anthropic, ret);
}

static int read_gemini_line(struct conversion *c, struct json_object **root, struct request *ret)
{
    static const char *const known[] = {"key", "request", NULL};

    if (read_id(c, *root, "key", &ret->id) < 0 || check_line(c, *root, known) < 0)
        return -1;
    if (json_get(*root, "request")) {
        struct json_object *request = json_object_get(json_get(*root, "request"));

        gemini_names(&request);
        json_object_object_add(*root, "request", request);
    }
    if (read_inward(c, json_get(*root, "request"), "request", read_gemini, ret) < 0)
        return -1;
    if (!c->model && !json_get(ret->body, "model"))
        return err_set(c->e, EX_DATAERR,
                       "request.model: is not there, since a Gemini batch has one model for all "
                       "lines; say it with --model");
    return 0;
}

/* A bare body; `metadata` is the script's, not OpenAI's. */
static int read_cookbook_line(struct conversion *c, struct json_object **root, struct request *ret)
{
    static const char *const known[] = {"custom_id", NULL};
    struct json_object *metadata = json_get(*root, "metadata");
    const char *id = json_get_str(metadata, "custom_id");
    bool chat = json_get(*root, "messages") != NULL;
    char row[32];

    snprintf(row, sizeof row, "row-%lld", (long long)c->losses.line);
    ret->id = mem_strdup(id && *id ? id : row);
    if (metadata && !json_object_is_type(metadata, json_type_object) &&
        losses_add(&c->losses, "metadata", "only {\"custom_id\": ...} can be carried over", c->e) <
            0)
        return -1;
    if (json_object_is_type(metadata, json_type_object) && check_line(c, metadata, known) < 0)
        return err_wrap(c->e, "metadata");
    ret->url = c->url ? form_url(c->url) : chat ? "/v1/chat/completions" : "/v1/embeddings";
    json_object_object_del(*root, "metadata");
    ret->body = json_object_get(*root);
    return 0;
}

/* ---- writing ---- */

static int write_openai(struct conversion *c, const struct request *r, struct buf *out)
{
    (void)c;
    buf_str(out, "{\"custom_id\":");
    buf_json_str(out, r->id, strlen(r->id));
    buf_printf(out, ",\"method\":\"POST\",\"url\":\"%s\",\"body\":", r->url);
    json_write(r->body, out);
    buf_char(out, '}');
    return 0;
}

/* What all lines of a file must have in common. */
static int same_for_all(struct conversion *c, char *first, size_t cap, const char *now,
                        const char *field, const char *why)
{
    if (!*first)
        snprintf(first, cap, "%s", now);
    if (strcmp(first, now) == 0)
        return 0;
    return err_set(c->e, EX_DATAERR, "%s: is \"%.100s\", and \"%.100s\" in lines before; %s", field,
                   now, first, why);
}

static int write_cookbook(struct conversion *c, const struct request *r, struct buf *out)
{
    struct json_object *metadata = NULL;

    if (same_for_all(c, c->batch_url, sizeof c->batch_url, r->url, "url",
                     "the script sends a file to one address: split it") < 0)
        return -1;
    if (json_get(r->body, "metadata") &&
        losses_add(&c->losses, "body.metadata",
                   "the script takes this member for itself and does not send it", c->e) < 0)
        return -1;
    metadata = json_add_object(r->body, "metadata");
    json_add_str(metadata, "custom_id", r->id);
    return json_write(r->body, out);
}

/* Who speaks, and how closely an image is looked at. */
static int check_message(struct conversion *c, struct json_object *m, size_t i)
{
    struct json_object *parts = json_get_type(m, "content", json_type_array);
    char field[120];

    snprintf(field, sizeof field, "body.messages[%zu].name", i);
    if (json_get(m, "name") &&
        losses_add(&c->losses, field, "the other API has no names of speakers", c->e) < 0)
        return -1;
    for (size_t k = 0; parts && k < json_object_array_length(parts); k++) {
        struct json_object *image = json_get(json_object_array_get_idx(parts, k), "image_url");
        const char *detail = json_get_str(image, "detail");

        snprintf(field, sizeof field, "body.messages[%zu].content[%zu].image_url.detail", i, k);
        if (detail && strcmp(detail, "auto") != 0 &&
            losses_add(&c->losses, field, "the other API has nothing like it", c->e) < 0)
            return -1;
    }
    return 0;
}

/* Members that providers/ leave out without a word, because they cannot change the answer. */
static int check_silent(struct conversion *c, const struct request *r, bool gemini)
{
    static const char *const labels[] = {"store",
                                         "metadata",
                                         "prompt_cache_key",
                                         "prompt_cache_options",
                                         "prompt_cache_retention",
                                         "user",
                                         "safety_identifier"};
    struct json_object *messages = json_get_type(r->body, "messages", json_type_array);
    size_t n = gemini ? ARRAY_LEN(labels) : ARRAY_LEN(labels) - 2;

    for (size_t i = 0; i < n; i++) {
        char field[80];

        snprintf(field, sizeof field, "body.%s", labels[i]);
        if (json_get(r->body, labels[i]) &&
            losses_add(&c->losses, field, "the other API has no such label", c->e) < 0)
            return -1;
    }
    for (size_t i = 0; messages && i < json_object_array_length(messages); i++) {
        if (check_message(c, json_object_array_get_idx(messages, i), i) < 0)
            return -1;
    }
    return 0;
}

/* What providers/ left out with drop_params. */
static int count_dropped(struct conversion *c, const struct task *t)
{
    CLEANUP_JSON struct json_object *list = NULL;

    if (!t->dropped || json_parse(t->dropped, strlen(t->dropped), &list, c->e) < 0)
        return t->dropped ? -1 : 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        if (losses_add(&c->losses, json_object_get_string(json_object_array_get_idx(list, i)),
                       "the other API has nothing like it", c->e) < 0)
            return -1;
    }
    return 0;
}

/* The body as the dialect's provider writes it, appended to out; *ret_url: where it would go. */
static int put_vendor_body(struct conversion *c, const struct request *r, struct buf *out,
                           char *ret_url, size_t cap)
{
    struct model m = c->vendor->models[0];
    struct http_request req;
    int rc = 0;

    m.upstream_model = r->task->models[0];
    m.max_output_tokens = c->max_tokens;
    http_request_init(&req, BODY_MAX);
    rc = m.provider->format_request(&m, r->task, &req, c->e);
    if (rc == 0)
        rc = count_dropped(c, r->task);
    if (rc == 0) {
        buf_append(out, req.body.data, req.body.len);
        snprintf(ret_url, cap, "%s", req.url);
    }
    http_request_done(&req);
    return rc;
}

static bool has_limit(struct json_object *body)
{
    return json_get(body, "max_tokens") || json_get(body, "max_completion_tokens") ||
           json_get(body, "max_output_tokens");
}

static int write_anthropic(struct conversion *c, const struct request *r, struct buf *out)
{
    char url[512];

    if (strlen(r->id) > ANTHROPIC_ID ||
        strspn(r->id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
            strlen(r->id))
        return err_set(c->e, EX_DATAERR,
                       "custom_id: \"%.100s\" is not of 1 to 64 letters, digits, \"_\" and \"-\", "
                       "as the API wants it",
                       r->id);
    if (!has_limit(r->body) && !c->max_tokens)
        return err_set(c->e, EX_DATAERR,
                       "body.max_completion_tokens: is not there, and the API wants a limit; "
                       "--max-tokens sets one");
    if (check_silent(c, r, false) < 0)
        return -1;
    buf_str(out, "{\"custom_id\":");
    buf_json_str(out, r->id, strlen(r->id));
    buf_str(out, ",\"params\":");
    if (put_vendor_body(c, r, out, url, sizeof url) < 0)
        return -1;
    return buf_char(out, '}');
}

static int write_gemini(struct conversion *c, const struct request *r, struct buf *out)
{
    char url[512] = "";
    const char *method = NULL;

    if (same_for_all(c, c->batch_model, sizeof c->batch_model, r->task->models[0], "body.model",
                     "a Gemini batch has one model: split the file, or name one with --model") <
            0 ||
        check_silent(c, r, true) < 0)
        return -1;
    buf_str(out, "{\"key\":");
    buf_json_str(out, r->id, strlen(r->id));
    buf_str(out, ",\"request\":");
    if (put_vendor_body(c, r, out, url, sizeof url) < 0)
        return -1;
    method = strrchr(url, ':');
    if (!method || strcmp(method, ":generateContent") != 0)
        return err_set(c->e, EX_DATAERR,
                       "url: embeddings have another form of batch, which is not converted");
    return buf_char(out, '}');
}

static const struct form forms[] = {
    {"openai", NULL, read_openai, write_openai},
    {"anthropic", "anthropic", read_anthropic_line, write_anthropic},
    {"gemini", "gemini", read_gemini_line, write_gemini},
    {"cookbook", NULL, read_cookbook_line, write_cookbook},
};

const struct form *form_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (strcmp(forms[i].name, name) == 0)
            return &forms[i];
    }
    return NULL;
}
