/* input: turns rows into request records; see input.h. It does not judge records: record_parse() does. */
#include "cmd/batch/input.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/batch/csv_rows.h"
#include "cmd/batch/template.h"
#include "io/jsonl.h"
#include "task/reply.h"

enum format { FORMAT_JSONL, FORMAT_CSV };

struct input {
    char *path;
    enum format format;
    struct line_reader *reader;
    struct csv_rows *csv;
    struct template *template;
    const struct input_options *options;
    struct buf params; /* ,"key":json ... */
    struct buf record;
    struct buf prompt;
    struct json_object *row; /* the JSONL row being templated */
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s);
    size_t k = strlen(end);

    return n >= k && strcasecmp(s + n - k, end) == 0;
}

static int choose_format(struct input *in, struct err *e)
{
    const char *f = in->options->format ? in->options->format : "auto";
    bool tsv = strcmp(f, "tsv") == 0 || (strcmp(f, "auto") == 0 && ends_with(in->path, ".tsv"));
    bool csv = strcmp(f, "csv") == 0 || (strcmp(f, "auto") == 0 && ends_with(in->path, ".csv"));

    if (!tsv && !csv && strcmp(f, "auto") != 0 && strcmp(f, "jsonl") != 0)
        return err_set(e, EX_USAGE, "--format must be auto, jsonl, csv or tsv, not \"%s\"", f);
    in->format = csv || tsv ? FORMAT_CSV : FORMAT_JSONL;
    if (in->format == FORMAT_CSV && !in->options->template)
        return err_set(e, EX_USAGE,
                       "%s is CSV: say with --template how a row becomes a prompt, "
                       "such as --template 'Solve: {question}'",
                       in->path);
    if (in->format == FORMAT_CSV)
        in->csv = csv_rows_new(tsv ? '\t' : ',', in->record.max);
    return 0;
}

/* Puts the --param options into the form in which they stand in each body. */
static int read_params(struct input *in, struct err *e)
{
    size_t i = 0;

    for (i = 0; i < in->options->params.count; i++) {
        const char *text = in->options->params.at[i];
        const char *eq = strchr(text, '=');
        struct err ignored = {0};

        if (!eq || eq == text)
            return err_set(e, EX_USAGE, "--param %s: write KEY=VALUE, such as temperature=0", text);
        if (!in->options->template)
            return err_set(e, EX_USAGE,
                           "--param needs --template: other rows carry their own parameters");
        buf_char(&in->params, ',');
        buf_json_str(&in->params, text, (size_t)(eq - text));
        buf_char(&in->params, ':');
        if (json_check(eq + 1, strlen(eq + 1), JSON_DEPTH_MAX, &ignored) == 0)
            buf_str(&in->params, eq + 1);
        else
            buf_json_str(&in->params, eq + 1, strlen(eq + 1)); /* a bare word is a string */
    }
    return 0;
}

struct input *input_open(const char *path, const struct input_options *o, size_t record_max,
                         struct err *e)
{
    struct input *in = mem_alloc(sizeof *in);

    in->path = mem_strdup(path);
    in->options = o;
    buf_init(&in->params, record_max);
    buf_init(&in->record, record_max);
    buf_init(&in->prompt, record_max);
    if (o->template) {
        in->template = template_new(o->template, e);
        if (!in->template)
            return input_close(in);
    }
    if (choose_format(in, e) < 0 || read_params(in, e) < 0)
        return input_close(in);
    in->reader = line_reader_open(path, record_max, e);
    if (!in->reader)
        return input_close(in);
    if (in->csv)
        line_reader_keep_blank(in->reader);
    return in;
}

struct input *input_close(struct input *in)
{
    if (!in)
        return NULL;
    line_reader_close(in->reader);
    csv_rows_free(in->csv);
    template_free(in->template);
    json_object_put(in->row);
    buf_done(&in->params);
    buf_done(&in->record);
    buf_done(&in->prompt);
    free(in->path);
    free(in);
    return NULL;
}

int input_rewind(struct input *in, struct err *e)
{
    if (in->csv)
        csv_rows_reset(in->csv);
    return line_reader_seek(in->reader, 0, 1, e);
}

int64_t input_size(const struct input *in)
{
    return line_reader_size(in->reader);
}

static int csv_field(struct input *in, const char *name, struct buf *out)
{
    size_t len = 0;
    const char *value = csv_rows_field(in->csv, name, &len);

    return value ? (buf_append(out, value, len), 0) : -1;
}

/* A field of a JSON row: strings as they are, other values as JSON text; "a.b" goes into objects. */
static int json_field(struct input *in, const char *name, struct buf *out)
{
    char part[256];
    struct json_object *o = in->row;
    const char *p = name;

    if (!json_object_object_get_ex(o, name, &o)) {
        for (o = in->row; o && *p; p += strcspn(p, ".") + (strchr(p, '.') ? 1 : 0)) {
            snprintf(part, sizeof part, "%.*s", (int)strcspn(p, "."), p);
            if (!json_object_object_get_ex(o, part, &o))
                return -1;
        }
    }
    if (json_object_is_type(o, json_type_string))
        buf_append(out, json_object_get_string(o), (size_t)json_object_get_string_len(o));
    else
        json_write(o, out);
    return 0;
}

static int row_field(void *row, const char *name, struct buf *out)
{
    struct input *in = row;

    return in->csv ? csv_field(in, name, out) : json_field(in, name, out);
}

/* Writes the custom_id of the row as a JSON string. */
static int write_id(struct input *in, const struct input_row *row, struct err *e)
{
    static const char *const usual[] = {"custom_id", "task_id", "id"};
    struct buf id = BUF_INIT(512);
    const char *wanted = in->options->id_field;
    size_t i = 0;

    if (wanted && row_field(in, wanted, &id) < 0)
        return err_set(e, EX_DATAERR, "the row has no field \"%s\", which --id-field names",
                       wanted);
    for (i = 0; i < ARRAY_LEN(usual) && !wanted && id.len == 0; i++)
        row_field(in, usual[i], &id);
    if (id.over)
        return buf_done(&id), err_set(e, EX_DATAERR, "the row's id is longer than 512 bytes");
    if (id.len == 0)
        buf_str(&id, row->fallback_id);
    buf_json_str(&in->record, id.data, id.len);
    buf_done(&id);
    return 0;
}

static void write_message(struct buf *out, const char *role, const char *text, size_t len)
{
    buf_printf(out, "{\"role\":\"%s\",\"content\":", role);
    buf_json_str(out, text, len);
    buf_char(out, '}');
}

/* Makes the batch line of a row through the template. */
static int render(struct input *in, struct input_row *row, struct err *e)
{
    const struct input_options *o = in->options;

    buf_clear(&in->record);
    buf_clear(&in->prompt);
    if (template_render(in->template, row_field, in, &in->prompt, e) < 0)
        return -1;
    buf_str(&in->record, "{\"custom_id\":");
    if (write_id(in, row, e) < 0)
        return -1;
    buf_str(&in->record, ",\"body\":{");
    if (o->model) {
        buf_str(&in->record, "\"model\":");
        buf_json_str(&in->record, o->model, strlen(o->model));
        buf_char(&in->record, ',');
    }
    buf_str(&in->record, "\"messages\":[");
    if (o->system) {
        write_message(&in->record, "system", o->system, strlen(o->system));
        buf_char(&in->record, ',');
    }
    write_message(&in->record, "user", in->prompt.len ? in->prompt.data : "", in->prompt.len);
    buf_char(&in->record, ']');
    buf_append(&in->record, in->params.data, in->params.len);
    buf_str(&in->record, "}}");
    row->record = in->record.data;
    row->len = in->record.len;
    return in->record.over
               ? err_set(e, EX_DATAERR, "the request is larger than limits.record_bytes")
               : 0;
}

/* Puts "file:line: " in front of what is wrong with a row. */
static int bad(struct input *in, const struct input_row *row, struct err *e)
{
    err_wrap(e, "%s:%lld", in->path, (long long)row->number);
    return INPUT_BAD;
}

static int next_json(struct input *in, struct input_row *row, struct err *e)
{
    struct line line;
    int rc = line_reader_next(in->reader, &line, e);

    if (rc == LINE_END)
        return INPUT_END;
    if (rc < 0)
        return -1;
    row->number = line.number;
    snprintf(row->fallback_id, sizeof row->fallback_id, "row-%lld", (long long)line.number);
    row->record = line.text;
    row->len = line.len;
    if (rc == LINE_TOO_LONG) {
        err_set(e, EX_DATAERR, "the line is longer than limits.record_bytes (%zu)", in->record.max);
        return bad(in, row, e);
    }
    if (!in->template)
        return INPUT_GOOD;
    json_object_put(in->row);
    in->row = NULL;
    if (json_parse(line.text, line.len, &in->row, e) < 0)
        return bad(in, row, e);
    if (!json_object_is_type(in->row, json_type_object)) {
        err_set(e, EX_DATAERR, "the row is no JSON object");
        return bad(in, row, e);
    }
    return render(in, row, e) < 0 ? bad(in, row, e) : INPUT_GOOD;
}

static int next_csv(struct input *in, struct input_row *row, struct err *e)
{
    int rc = csv_rows_next(in->csv, in->reader, &row->number, e);

    if (rc == CSV_END)
        return INPUT_END;
    if (rc < 0) {
        bad(in, row, e);
        return -1;
    }
    snprintf(row->fallback_id, sizeof row->fallback_id, "row-%lld", (long long)row->number);
    row->record = NULL;
    row->len = 0;
    if (rc == CSV_BAD)
        return bad(in, row, e);
    return render(in, row, e) < 0 ? bad(in, row, e) : INPUT_GOOD;
}

int input_next(struct input *in, struct input_row *ret, struct err *e)
{
    return in->csv ? next_csv(in, ret, e) : next_json(in, ret, e);
}

struct task *input_task(const struct input_row *row)
{
    struct task *t = task_new();

    t->origin = (struct task_origin){"file", 0, row->number};
    t->raw = mem_dup(row->record ? row->record : "", row->len);
    t->raw_len = row->len;
    t->key = mem_strdup(row->fallback_id);
    t->key_len = strlen(row->fallback_id);
    t->received_wall_ms = clock_wall_ms();
    return t;
}

void input_refuse(struct task *t, const struct config *c, const struct err *why)
{
    t->id = mem_strdup(t->key);
    t->bad_record = true;
    task_fail(t, "bad_record", "%s", why->msg);
    reply_format(t, c, t->received_wall_ms);
}
