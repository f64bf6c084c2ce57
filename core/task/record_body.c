/*
 * record_body: checks the types and ranges of body fields, from one table. Fields that are not in
 * the table pass: vendors have more of them than anybody can list. null means absent, as OpenAI has
 * it.
 */
#include "task/record_int.h"

#include <math.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

enum kind {
    KIND_NUMBER,
    KIND_INT,
    KIND_BOOL,
    KIND_STRING,
    KIND_OBJECT,
    KIND_LIST,
    KIND_STOP,       /* a string or a list of strings */
    KIND_CHOICE,     /* a string or an object */
    KIND_FORMAT,     /* response_format */
    KIND_TOOLS,      /* {type, function:{name}} */
    KIND_TOOLS_FLAT, /* {type, name} of the responses API */
};

enum { CHAT = 1 << OP_CHAT, EMBED = 1 << OP_EMBEDDINGS, RESPOND = 1 << OP_RESPONSES };

static const struct field {
    const char *name;
    unsigned ops;
    enum kind kind;
    double min, max;  /* KIND_NUMBER, KIND_INT */
    const char *what; /* "must be ..." */
} fields[] = {
    {"temperature", CHAT | RESPOND, KIND_NUMBER, 0, 2, "a number from 0 to 2"},
    {"top_p", CHAT | RESPOND, KIND_NUMBER, 0, 1, "a number from 0 to 1"},
    {"n", CHAT, KIND_INT, 1, 128, "an integer from 1 to 128"},
    {"max_completion_tokens", CHAT, KIND_INT, 1, 0x1p53, "an integer of at least 1"},
    {"max_tokens", CHAT, KIND_INT, 1, 0x1p53, "an integer of at least 1"},
    {"max_output_tokens", RESPOND, KIND_INT, 1, 0x1p53, "an integer of at least 1"},
    {"stop", CHAT, KIND_STOP, 0, 0, "a string or a list of strings"},
    {"seed", CHAT, KIND_INT, -0x1p63, 0x1p64, "an integer"},
    {"logprobs", CHAT, KIND_BOOL, 0, 0, "true or false"},
    {"top_logprobs", CHAT | RESPOND, KIND_INT, 0, 20, "an integer from 0 to 20"},
    {"logit_bias", CHAT, KIND_OBJECT, 0, 0, "an object of token to bias"},
    {"presence_penalty", CHAT, KIND_NUMBER, -2, 2, "a number from -2 to 2"},
    {"frequency_penalty", CHAT, KIND_NUMBER, -2, 2, "a number from -2 to 2"},
    {"response_format", CHAT, KIND_FORMAT, 0, 0, "an object with a type"},
    {"tools", CHAT, KIND_TOOLS, 0, 0, NULL},
    {"tools", RESPOND, KIND_TOOLS_FLAT, 0, 0, NULL},
    {"tool_choice", CHAT | RESPOND, KIND_CHOICE, 0, 0,
     "\"none\", \"auto\", \"required\" or an object"},
    {"parallel_tool_calls", CHAT | RESPOND, KIND_BOOL, 0, 0, "true or false"},
    {"reasoning_effort", CHAT, KIND_STRING, 0, 0, "a string such as \"low\""},
    {"verbosity", CHAT, KIND_STRING, 0, 0, "a string such as \"low\""},
    {"modalities", CHAT, KIND_LIST, 0, 0, "a list of strings"},
    {"user", CHAT | EMBED | RESPOND, KIND_STRING, 0, 0, "a string"},
    {"metadata", CHAT | RESPOND, KIND_OBJECT, 0, 0, "an object"},
    {"encoding_format", EMBED, KIND_STRING, 0, 0, "\"float\" or \"base64\""},
    {"dimensions", EMBED, KIND_INT, 1, 0x1p31, "an integer of at least 1"},
    {"instructions", RESPOND, KIND_STRING, 0, 0, "a string"},
    {"text", RESPOND, KIND_OBJECT, 0, 0, "an object"},
    {"reasoning", RESPOND, KIND_OBJECT, 0, 0, "an object"},
    {"include", RESPOND, KIND_LIST, 0, 0, "a list of strings"},
    {"previous_response_id", RESPOND, KIND_STRING, 0, 0, "a string"},
    {"conversation", RESPOND, KIND_CHOICE, 0, 0, "an id or an object with one"},
    {"max_tool_calls", RESPOND, KIND_INT, 1, 0x1p53, "an integer of at least 1"},
    {"store", RESPOND, KIND_BOOL, 0, 0, "true or false"},
    {"truncation", RESPOND, KIND_STRING, 0, 0, "\"auto\" or \"disabled\""},
};

static bool in_range(const struct field *f, struct json_object *v)
{
    double d = json_object_get_double(v);
    bool number = json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);

    if (!number || d < f->min || d > f->max)
        return false;
    return f->kind == KIND_NUMBER || json_object_is_type(v, json_type_int) || d == floor(d);
}

static bool is_strings(struct json_object *v)
{
    size_t i = 0;

    if (!json_object_is_type(v, json_type_array))
        return false;
    for (i = 0; i < json_object_array_length(v); i++) {
        if (!json_object_is_type(json_object_array_get_idx(v, i), json_type_string))
            return false;
    }
    return true;
}

static bool fits(const struct field *f, struct json_object *v)
{
    switch (f->kind) {
    case KIND_NUMBER:
    case KIND_INT:
        return in_range(f, v);
    case KIND_BOOL:
        return json_object_is_type(v, json_type_boolean);
    case KIND_STRING:
        return json_object_is_type(v, json_type_string);
    case KIND_OBJECT:
        return json_object_is_type(v, json_type_object);
    case KIND_LIST:
        return is_strings(v);
    case KIND_STOP:
        return json_object_is_type(v, json_type_string) || is_strings(v);
    case KIND_CHOICE:
        return json_object_is_type(v, json_type_string) || json_object_is_type(v, json_type_object);
    case KIND_FORMAT:
        return json_get_str(v, "type");
    case KIND_TOOLS:
    case KIND_TOOLS_FLAT:
        break;
    }
    return true;
}

static int check_field(const struct field *f, struct json_object *v,
                       const struct record_path *under, struct err *e)
{
    const struct record_path *at = RECORD_AT(under, f->name);

    if (!v)
        return 0;
    if (f->kind == KIND_TOOLS || f->kind == KIND_TOOLS_FLAT)
        return record_tools(v, at, f->kind == KIND_TOOLS_FLAT, e);
    return fits(f, v) ? 0 : record_wrong_at(e, at, f->what, v);
}

static int check_fields(enum operation op, struct json_object *body, const struct record_path *at,
                        struct err *e)
{
    size_t i = 0;

    json_object_object_foreach(body, name, v)
    {
        for (i = 0; i < ARRAY_LEN(fields); i++) {
            if (!(fields[i].ops & (1U << op)) || strcmp(name, fields[i].name) != 0)
                continue;
            if (check_field(&fields[i], v, at, e) < 0)
                return -1;
            break;
        }
    }
    return 0;
}

/* json_schema must bring its schema: half of the APIs would take the request and answer anything.
 */
static int check_schema(struct json_object *body, const struct record_path *at, struct err *e)
{
    struct json_object *format = json_get(body, "response_format");
    const char *type = json_get_str(format, "type");
    struct json_object *schema = json_get(format, "json_schema");
    const struct record_path *path = RECORD_AT(RECORD_AT(at, "response_format"), "json_schema");

    if (!type || strcmp(type, "json_schema") != 0)
        return 0;
    if (!json_object_is_type(schema, json_type_object))
        return record_wrong_at(e, path, "an object with name and schema", schema);
    if (!json_get_type(schema, "schema", json_type_object))
        return record_wrong_at(e, RECORD_AT(path, "schema"), "a JSON Schema, an object",
                               json_get(schema, "schema"));
    return 0;
}

static int check_main(enum operation op, struct json_object *body, const struct record_path *under,
                      struct err *e)
{
    const char *name = op == OP_CHAT ? "messages" : "input";
    const struct record_path *at = RECORD_AT(under, name);
    struct json_object *v = json_get(body, name);
    char path[RECORD_PATH_MAX];

    if (op == OP_RESPONSES)
        return record_respond(body, under, e);
    if (!v)
        return err_set(e, EX_DATAERR, "%s is missing; it holds what the model is asked",
                       record_path_text(at, path));
    return op == OP_CHAT ? record_messages(v, at, e) : record_embedding_input(v, at, e);
}

int record_body(enum operation op, struct json_object *body, const struct record_path *at,
                struct err *e)
{
    if (check_main(op, body, at, e) < 0 || check_fields(op, body, at, e) < 0)
        return -1;
    return op == OP_CHAT ? check_schema(body, at, e) : 0;
}

bool record_body_responds(struct json_object *body)
{
    struct json_object *input = json_get(body, "input");
    size_t i = 0;

    if (json_object_is_type(input, json_type_array) &&
        json_object_is_type(json_object_array_get_idx(input, 0), json_type_object))
        return true;
    for (i = 0; i < ARRAY_LEN(fields); i++) {
        struct json_object *v = json_get(body, fields[i].name);
        bool only_here = (fields[i].ops & RESPOND) && !(fields[i].ops & EMBED);

        /* some hosts of embeddings have a truncation of their own, true or false */
        if (v && only_here &&
            !(json_object_is_type(v, json_type_boolean) &&
              strcmp(fields[i].name, "truncation") == 0))
            return true;
    }
    return false;
}
