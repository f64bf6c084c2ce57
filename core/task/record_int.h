/*
 * record_int: what the files of the record codec share. Private to core/task/record*.c and
 * reply*.c.
 */
#ifndef SLUICE_TASK_RECORD_INT_H
#define SLUICE_TASK_RECORD_INT_H

#include "base/err.h"
#include "base/json.h"
#include "task/config.h"
#include "task/task.h"

#define RECORD_ID_MAX       512 /* bytes of a custom_id, task_id or ce_id */
#define RECORD_TENANT_MAX   128
#define RECORD_SESSION_MAX  256
#define RECORD_PATH_MAX     192 /* "body.messages[3].content[1].text" */
#define RECORD_SHOWN_MAX    64  /* a wrong value as it stands in a message */
#define RECORD_METADATA_MAX (64 * 1024)

/* Where a value stands, as a chain on the stack that is only written out when something is wrong.
 */
struct record_path {
    const struct record_path *up; /* NULL: outermost */
    const char *name;             /* NULL: `index` of a list */
    size_t index;
};

#define RECORD_AT(up_, name_) (&(struct record_path){.up = (up_), .name = (name_)})
#define RECORD_ITEM(up_, i_)  (&(struct record_path){.up = (up_), .index = (i_)})

const char *record_path_text(const struct record_path *p, char out[RECORD_PATH_MAX]);

/* Sets "<path> must be <what>, not <value>" and returns -1. */
int record_wrong(struct err *e, const char *path, const char *what, struct json_object *value);
int record_wrong_at(struct err *e, const struct record_path *path, const char *what,
                    struct json_object *value);

/* record_event.c: CloudEvents. */
bool record_event_binary(const struct task *t);     /* headers ce_* beside the value */
bool record_event_structured(const struct task *t); /* the value is the event */

/* Structured mode: gives the event's id and its data; both belong to root. */
int record_event_open(struct json_object *root, const char **ret_id, struct json_object **ret_data,
                      struct err *e);

/* record_options.c: the `sluice` object. Fills everything but the models; NULL: nothing given. */
int record_options(struct task *t, struct json_object *options, struct err *e);

/* Fills t->models from body.model, sluice.models or the default, and checks that they exist. */
int record_models(struct task *t, const struct config *c, struct json_object *options,
                  const struct record_path *body, struct err *e);

/* record_body.c: checks the types of the fields that everybody relies on. at: path of the body;
 * NULL for a bare one. */
int record_body(enum operation op, struct json_object *body, const struct record_path *at,
                struct err *e);

/* A bare body with `input`: does it ask for a response, not for embeddings? It does when its input is a
 * list of objects, or when it has a field that embeddings have not. */
bool record_body_responds(struct json_object *body);

/* record_respond.c: what only requests to /v1/responses have. at: path of the body. */
int record_respond(struct json_object *body, const struct record_path *at, struct err *e);

/* Does the answer depend on something that the provider keeps and that is not in the body? */
bool record_is_stateful(struct json_object *body);

/* record_messages.c */
int record_messages(struct json_object *messages, const struct record_path *at, struct err *e);
int record_embedding_input(struct json_object *input, const struct record_path *at, struct err *e);
int record_tools(struct json_object *tools, const struct record_path *at, bool flat, struct err *e);

#endif
