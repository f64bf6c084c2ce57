/*
 * inward: a vendor's request while it is read into a body of OpenAI's form: the way back from what providers/ writes. What
 * the readers of the dialects share. A member that no row knows is a loss, never dropped in silence.
 */
#ifndef SLUICE_CMD_CONVERT_INWARD_H
#define SLUICE_CMD_CONVERT_INWARD_H

#include <json-c/json.h>

#include "cmd/convert/losses.h"

struct inward {
    struct json_object *body; /* OpenAI's, being written */
    struct json_object *messages;
    struct losses *losses;
    struct json_object *source; /* the request that is read */
    bool top_k;                 /* may it hold top_k, which OpenAI's API has not, but the target? */
    struct json_object *answered; /* ids of the calls that have a result, as keys */
    uint32_t calls;               /* ids that were made for calls without one */
    struct err *e;
};

struct inward_row {
    const char *name;
    /* v is not null. NULL: read elsewhere. */
    int (*read)(struct inward *in, const char *path, struct json_object *v);
};

/* Goes through the members of o, which stands at `path` ("" is the request itself). */
int inward_walk(struct inward *in, const char *path, struct json_object *o,
                const struct inward_row *rows, size_t n);

/* Goes through a list; read is told the place of each member. */
int inward_list(struct inward *in, const char *path, struct json_object *list,
                int (*read)(struct inward *in, size_t i, struct json_object *o));

/* A member that cannot be carried over. */
int inward_lose(struct inward *in, const char *why, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
/* What makes no sense: always -1. */
int inward_fail(struct inward *in, const char *why, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* For tables: what OpenAI's API has nothing like. */
int inward_no(struct inward *in, const char *path, struct json_object *v);
/* For tables: top_k, by whatever name. */
int inward_top_k(struct inward *in, const char *path, struct json_object *v);

/* New members; objects come with a type. */
struct json_object *inward_typed(const char *type);
void inward_share(struct json_object *to, const char *key, struct json_object *v);

/* A message behind the others; content may be NULL. */
struct json_object *inward_message(struct inward *in, const char *role,
                                   struct json_object *content);

/* Content parts as they are shortest: a lone plain text as a string. Takes over parts. */
struct json_object *inward_content(struct json_object *parts);

/* {"type":"text","text":...} */
struct json_object *inward_text(struct json_object *text);

/* "data:TYPE;base64,DATA" */
struct json_object *inward_data_url(const char *type, const char *data);

/* A call of a function, for tool_calls; args: an object. */
struct json_object *inward_call(struct json_object *id, struct json_object *name,
                                struct json_object *args);

/* response_format of a JSON Schema. */
void inward_schema(struct inward *in, struct json_object *schema);

#endif
