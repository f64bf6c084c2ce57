/*
 * forms: the lines of each format around the body: how a line is read into a request of OpenAI's form (struct request), and
 * how it is written. Bodies of other APIs are read by readers.h and written by providers/.
 *
 * To add a format: a row in forms.c with its two functions.
 */
#ifndef SLUICE_CMD_CONVERT_FORMS_H
#define SLUICE_CMD_CONVERT_FORMS_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/buf.h"
#include "cmd/convert/losses.h"
#include "task/config.h"
#include "task/task.h"

/* What a conversion knows beside the line. */
struct conversion {
    const char *model;     /* --model, or NULL */
    const char *url;       /* --url, or NULL */
    int64_t max_tokens;    /* --max-tokens; 0: none */
    bool top_k;            /* inward.h */
    struct losses losses;  /* losses.line: of the line that is being converted */
    struct config *config; /* without models, for record_parse() */
    struct config *vendor; /* with one row, of the target's dialect; NULL: none */
    char batch_model[256]; /* the one of all lines, where a batch has one; "" before the first */
    char batch_url[64];    /* likewise */
    struct err *e;         /* of the line */
};

struct request {
    char *id;
    const char *url; /* "/v1/..." */
    struct json_object *body;
    struct task *task; /* the same as record_parse() read it; when it is written */
};

void request_done(struct request *r);

struct form {
    const char *name;
    const char *provider; /* the dialect, in providers/; NULL: OpenAI's own body */
    /* *root is one line; the function may replace it. -1 with c->e. */
    int (*read)(struct conversion *c, struct json_object **root, struct request *ret);
    int (*write)(struct conversion *c, const struct request *r, struct buf *out);
};

const char *form_url(const char *url);          /* with its /v1; NULL: it is none of ours */
const struct form *form_find(const char *name); /* NULL: unknown */
extern const char form_names[];                 /* for messages and help */

#endif
