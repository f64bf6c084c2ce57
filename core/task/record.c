/*
 * record: from the bytes of a request record to a task: identity, envelope, operation. The parts
 * are in record_event.c, record_options.c and record_body.c. Pure: no clock, no I/O, no log. A
 * record that cannot be read makes a task that carries the reason, never a crash or a silent skip.
 */
#include "task/record.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "task/record_int.h"

static const struct {
    const char *url; /* with or without "/v1" before it */
    enum operation op;
} operations[] = {
    {"/chat/completions", OP_CHAT},
    {"/embeddings", OP_EMBEDDINGS},
    {"/responses", OP_RESPONSES},
};

/* Members of a bare body that are ours and not the provider's. */
static const char *const envelope[] = {"custom_id", "task_id", "method", "url", "sluice"};

static void show(struct json_object *v, char *out, size_t cap)
{
    size_t n = 0;

    switch (json_object_get_type(v)) {
    case json_type_object:
        snprintf(out, cap, "an object");
        return;
    case json_type_array:
        snprintf(out, cap, "a list");
        return;
    case json_type_string:
        break;
    default:
        snprintf(out, cap, "%.40s", json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN));
        return;
    }
    /* A long string is likely a prompt in the wrong place: it does not belong into a message. */
    n = (size_t)json_object_get_string_len(v);
    if (n > 32)
        snprintf(out, cap, "a string of %zu bytes", n);
    else
        snprintf(out, cap, "\"%s\"", json_object_get_string(v));
}

const char *record_path_text(const struct record_path *p, char out[RECORD_PATH_MAX])
{
    char outer[RECORD_PATH_MAX] = "";

    if (p->up)
        record_path_text(p->up, outer);
    if (p->name)
        snprintf(out, RECORD_PATH_MAX, "%.120s%s%.60s", outer, p->up ? "." : "", p->name);
    else
        snprintf(out, RECORD_PATH_MAX, "%.120s[%zu]", outer, p->index);
    return out;
}

int record_wrong_at(struct err *e, const struct record_path *path, const char *what,
                    struct json_object *value)
{
    char text[RECORD_PATH_MAX];

    return record_wrong(e, record_path_text(path, text), what, value);
}

int record_wrong(struct err *e, const char *path, const char *what, struct json_object *value)
{
    char shown[RECORD_SHOWN_MAX];

    show(value, shown, sizeof shown);
    return err_set(e, EX_DATAERR, "%s must be %s, not %s", path, what, shown);
}

static int read_json(const struct task *t, const struct config *c, struct json_object **ret,
                     struct err *e)
{
    int64_t depth = c->limits.json_depth;
    struct err why = {0};

    if (!t->raw)
        return err_set(e, EX_DATAERR, "empty value (tombstone); a request is a JSON object");
    if (c->limits.record_bytes > 0 && t->raw_len > (size_t)c->limits.record_bytes)
        return err_set(e, EX_DATAERR,
                       "the record has %zu bytes, more than limits.record_bytes (%" PRId64
                       "); make it smaller or raise limits.record_bytes",
                       t->raw_len, c->limits.record_bytes);
    if (depth <= 0 || depth > JSON_DEPTH_MAX)
        depth = JSON_DEPTH_MAX;
    if (json_parse_depth(t->raw, t->raw_len, (int)depth, ret, &why) < 0)
        return err_set(e, EX_DATAERR, "the record is not valid JSON: %.400s", why.msg);
    return 0;
}

/* What is known of a record while it is being read. */
struct request {
    struct json_object *value; /* all of it; owned */
    struct json_object *root;  /* the batch line or bare body in it: value, or the event's data */
    const char *event_id;      /* of a CloudEvent in structured mode, or NULL; in value */
    const struct record_path *body; /* where body fields stand, for messages; NULL: outermost */
};

static int read_value(const struct task *t, const struct config *c, struct request *q,
                      struct err *e)
{
    if (read_json(t, c, &q->value, e) < 0)
        return -1;
    if (!json_object_is_type(q->value, json_type_object))
        return record_wrong(e, "the record", "a JSON object", q->value);
    q->root = q->value;
    if (record_event_structured(t))
        return record_event_open(q->value, &q->event_id, &q->root, e);
    return 0;
}

/* custom_id or task_id. *ret stays as it is when the member is not there. */
static int id_member(struct json_object *root, const char *name, const char **ret, struct err *e)
{
    struct json_object *v = json_get(root, name);
    const char *id = json_get_str(root, name);
    int n = id ? json_object_get_string_len(v) : 0;

    if (!v)
        return 0;
    if (n < 1 || n > RECORD_ID_MAX)
        return record_wrong(e, name, "a string of 1 to 512 bytes", v);
    *ret = id;
    return 0;
}

/* An id from outside JSON: it has to be text. */
static bool id_usable(const char *id, size_t n)
{
    return id && n > 0 && n <= RECORD_ID_MAX && !memchr(id, '\0', n) && utf8_valid(id, n);
}

static char *origin_id(const struct task *t)
{
    struct task_origin first = task_first(t);
    struct buf b = BUF_INIT(RECORD_ID_MAX);

    buf_printf(&b, "%.400s-%" PRId32 "-%" PRId64, first.topic ? first.topic : "", first.partition,
               first.offset);
    return buf_steal(&b, NULL);
}

/* When the value names none: the event's id, the key, the place of the record. */
static void set_other_id(struct task *t, const char *event_id)
{
    const struct task_header *h = task_header_get(t, "ce_id");

    if (event_id && id_usable(event_id, strlen(event_id)))
        t->id = mem_strdup(event_id);
    else if (h && id_usable(h->value, h->len))
        t->id = mem_dup(h->value, h->len);
    else if (id_usable(t->key, t->key_len))
        t->id = mem_dup(t->key, t->key_len);
    else
        t->id = origin_id(t);
}

void record_name(struct task *t)
{
    if (!t->id)
        set_other_id(t, NULL);
}

static int check_event_id(const struct task *t, struct err *e)
{
    const struct task_header *h = task_header_get(t, "ce_id");

    if (!h || id_usable(h->value, h->len))
        return 0;
    return err_set(e, EX_DATAERR,
                   "header ce_id must be UTF-8 text of 1 to 512 bytes without NUL characters");
}

/* Always sets t->id, also when it returns -1 because an id is not one. */
static int set_ids(struct task *t, const struct request *q, struct err *e)
{
    const char *custom = NULL;
    const char *task = NULL;
    int r = id_member(q->root, "custom_id", &custom, e);

    if (r == 0)
        r = id_member(q->root, "task_id", &task, e);
    if (r == 0 && custom && task && strcmp(custom, task) != 0)
        r = err_set(e, EX_DATAERR, "custom_id and task_id are the same thing but differ; keep one");
    if (r == 0)
        r = check_event_id(t, e);
    t->custom_id = mem_strdup(custom);
    if (custom || task)
        t->id = mem_strdup(custom ? custom : task);
    else
        set_other_id(t, q->event_id);
    return r;
}

static const struct record_path body_path = {.name = "body"};

static int set_body(struct task *t, struct request *q, struct err *e)
{
    struct json_object *body = json_get(q->root, "body");
    size_t i = 0;

    q->body = &body_path;
    if (body && !json_object_is_type(body, json_type_object))
        return record_wrong(e, "body", "an object", body);
    if (body) {
        t->body = json_object_get(body);
        return 0;
    }
    if (!json_get(q->root, "messages") && !json_get(q->root, "input") &&
        !json_get(q->root, "prompt") && !record_is_stateful(q->root))
        return err_set(
            e, EX_DATAERR,
            "body is missing; a record is a batch line (custom_id, method, url, body) or a "
            "bare body (model and messages, input or prompt)");
    q->body = NULL;
    t->body = json_object_get(q->root);
    for (i = 0; i < ARRAY_LEN(envelope); i++)
        json_object_object_del(t->body, envelope[i]);
    return 0;
}

/* What a bare body asks for. */
static enum operation bare_operation(struct json_object *body)
{
    struct json_object *prompt = json_get(body, "prompt");

    if (json_get(body, "messages") || json_object_is_type(prompt, json_type_string))
        return OP_CHAT;
    if (json_object_is_type(prompt, json_type_object)) /* one that the provider keeps */
        return OP_RESPONSES;
    if (record_is_stateful(body))
        return OP_RESPONSES;
    if (!json_get(body, "input"))
        return OP_CHAT;
    return record_body_responds(body) ? OP_RESPONSES : OP_EMBEDDINGS;
}

static int set_operation(struct task *t, struct json_object *url, struct err *e)
{
    const char *path =
        json_object_is_type(url, json_type_string) ? json_object_get_string(url) : "";
    size_t i = 0;

    if (!url) {
        t->op = bare_operation(t->body);
        return 0;
    }
    if (strncmp(path, "/v1/", 4) == 0)
        path += 3;
    for (i = 0; i < ARRAY_LEN(operations); i++) {
        if (strcmp(path, operations[i].url) != 0)
            continue;
        t->op = operations[i].op;
        return 0;
    }
    return record_wrong(e, "url", "/v1/chat/completions, /v1/embeddings or /v1/responses", url);
}

/* `prompt` is short for one message of the user. */
static int expand_prompt(struct task *t, const struct record_path *under, struct err *e)
{
    struct json_object *prompt = json_get(t->body, "prompt");
    struct json_object *message = NULL;
    struct json_object *messages = NULL;
    char path[RECORD_PATH_MAX];

    if (t->op != OP_CHAT || !prompt)
        return 0;
    record_path_text(RECORD_AT(under, "prompt"), path);
    if (!json_object_is_type(prompt, json_type_string))
        return record_wrong(e, path, "a string", prompt);
    if (json_get(t->body, "messages"))
        return err_set(e, EX_DATAERR, "%s stands beside messages; keep one of them", path);
    message = json_object_new_object();
    json_object_object_add(message, "role", json_object_new_string("user"));
    json_object_object_add(message, "content", json_object_get(prompt));
    messages = json_object_new_array();
    json_object_array_add(messages, message);
    json_object_object_del(t->body, "messages");
    json_object_object_add(t->body, "messages", messages);
    json_object_object_del(t->body, "prompt");
    return 0;
}

/* The body as it is sent and looked up, whatever form the record has. */
static int read_body(struct task *t, struct request *q, struct err *e)
{
    /* Held, because a bare body loses its envelope in set_body(). */
    CLEANUP_JSON struct json_object *url = json_object_get(json_get(q->root, "url"));

    if (set_body(t, q, e) < 0 || set_operation(t, url, e) < 0 || expand_prompt(t, q->body, e) < 0)
        return -1;
    /* A reply is always whole. */
    json_object_object_del(t->body, "stream");
    json_object_object_del(t->body, "stream_options");
    if (t->op == OP_RESPONSES) {
        json_object_object_del(t->body, "background");
        json_object_object_del(t->body, "background_options");
    }
    return 0;
}

/* What is asked of the body while the task waits, where it may be without. */
static void note_wishes(struct task *t)
{
    t->asked_tier = service_tier_of(json_get_str(t->body, "service_tier"));
    if (!t->session)
        t->session = mem_strdup(json_get_str(t->body, "prompt_cache_key"));
}

static int read_request(struct task *t, const struct config *c, struct request *q, struct err *e)
{
    struct json_object *method = json_get(q->root, "method");
    /* Held, because a bare body loses its envelope in set_body(). */
    CLEANUP_JSON struct json_object *options = json_object_get(json_get(q->root, "sluice"));

    if (record_options(t, options, e) < 0)
        return -1;
    if (method && (!json_object_is_type(method, json_type_string) ||
                   strcmp(json_object_get_string(method), "POST") != 0))
        return record_wrong(e, "method", "\"POST\"", method);
    if (read_body(t, q, e) < 0)
        return -1;
    if (record_body(t->op, t->body, q->body, e) < 0)
        return -1;
    /* The digest cannot tell such requests apart. */
    if (t->op == OP_RESPONSES && record_is_stateful(t->body))
        t->cache = CACHE_OFF;
    note_wishes(t);
    return record_models(t, c, options, q->body, e);
}

int record_parse(struct task *t, const struct config *c)
{
    struct request q = {0};
    struct err e = {0};
    struct err id_error = {0};
    int r = read_value(t, c, &q, &e);

    if (set_ids(t, &q, &id_error) < 0 && r == 0) {
        r = -1;
        e = id_error;
    }
    if (r == 0)
        r = read_request(t, c, &q, &e);
    json_object_put(q.value);
    if (r == 0)
        return RECORD_GOOD;
    json_object_put(t->body);
    t->body = NULL;
    t->bad_record = true;
    task_fail(t, "bad_record", "%s", e.msg);
    return RECORD_BAD;
}

void record_reopen(struct task *t, const struct config *c)
{
    struct request q = {0};
    struct err e = {0};
    int r = 0;

    if (t->body)
        return;
    r = read_value(t, c, &q, &e);
    if (r == 0)
        r = read_body(t, &q, &e);
    json_object_put(q.value);
    assert(r == 0); /* it was good before, and is what it was */
    (void)r;
}
