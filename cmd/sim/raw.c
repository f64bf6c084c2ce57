/* raw: reads an answer that a script gives word for word; see raw.h. Sending it is reply.c's work. */
#include "cmd/sim/raw.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#define HEADERS_MAX 4000 /* what a reply has room for */

void sim_raw_free(struct sim_raw *r)
{
    if (!r)
        return;
    free(r->type);
    free(r->headers);
    free(r->body);
    free(r);
}

static int read_headers(struct json_object *o, struct sim_raw *r, struct err *e)
{
    struct buf lines = BUF_INIT(HEADERS_MAX);
    bool bad = false;

    if (o && !json_object_is_type(o, json_type_object))
        return err_set(e, EX_DATAERR, "\"headers\" must be an object");
    if (o) {
        json_object_object_foreach(o, name, value)
        {
            const char *text = json_object_get_string(value);

            bad = bad || !text || strpbrk(text, "\r\n") || strpbrk(name, "\r\n: ");
            if (!bad && strcasecmp(name, "content-type") == 0) {
                free(r->type);
                r->type = mem_strdup(text);
            } else if (!bad) {
                buf_printf(&lines, "%s: %s\r\n", name, text);
            }
        }
    }
    bad = bad || lines.over;
    r->headers = mem_strdup(lines.data ? lines.data : "");
    buf_done(&lines);
    return bad ? err_set(e, EX_DATAERR, "\"headers\" holds what is no header, or too much") : 0;
}

static const char *unknown_member(struct json_object *o)
{
    static const char *const known[] = {"kind", "status", "headers", "body"};

    json_object_object_foreach(o, key, value)
    {
        size_t i = 0;

        (void)value;
        while (i < ARRAY_LEN(known) && strcmp(known[i], key) != 0)
            i++;
        if (i == ARRAY_LEN(known))
            return key;
    }
    return NULL;
}

struct sim_raw *sim_raw_new(struct json_object *o, struct err *e)
{
    struct sim_raw *r = mem_alloc(sizeof *r);
    struct json_object *body = json_get(o, "body");
    const char *text = NULL;

    r->status = (int)json_get_int(o, "status", 0);
    r->type = mem_strdup("application/json");
    if (unknown_member(o)) {
        err_set(e, EX_DATAERR, "\"%s\" is no property of kind raw; there are status, headers, body",
                unknown_member(o));
    } else if (r->status < 200 || r->status > 599) {
        err_set(e, EX_DATAERR, "kind raw needs a \"status\" from 200 to 599");
    } else if (read_headers(json_get(o, "headers"), r, e) == 0) {
        if (body)
            text = json_object_is_type(body, json_type_string)
                       ? json_object_get_string(body)
                       : json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN);
        r->body = mem_strdup(text ? text : "");
        return r;
    }
    sim_raw_free(r);
    return NULL;
}
