/*
 * fields: what becomes of each member of an OpenAI request body, as a table. Shared by the dialects
 * whose bodies are their own.
 */
#ifndef SLUICE_PROVIDERS_FIELDS_H
#define SLUICE_PROVIDERS_FIELDS_H

#include <json-c/json.h>

#include "providers/outgoing.h"

struct field_row {
    const char *name;
    /*
     * Writes a member that is not null into o->body. 0, or -1 with o->e naming it. NULL: it is left
     * out silently, because it cannot change the answer or is read elsewhere.
     */
    int (*put)(struct outgoing *o, const char *name, struct json_object *v);
};

/*
 * Walks through t->body. A member that is null counts as absent. One without a row is unknown to the
 * API and refused, save for those that can never change an answer (store, metadata, stream, ...), which
 * are left out.
 */
int fields_put(struct outgoing *o, const struct field_row *rows, size_t n);

/* The same walk; `unknown` takes what has no row. */
int fields_walk(struct outgoing *o, const struct field_row *rows, size_t n,
                int (*unknown)(struct outgoing *o, const char *name, struct json_object *v));

/* For tables: under the same name, as it is. */
int field_same(struct outgoing *o, const char *name, struct json_object *v);

/* For tables: as max_tokens, under whichever of its two names. */
int field_max_tokens(struct outgoing *o, const char *name, struct json_object *v);

/* For tables: `stop` as a list named stop_sequences. */
int field_stop_sequences(struct outgoing *o, const char *name, struct json_object *v);

/* For tables: the API has nothing like it. */
int field_refuse(struct outgoing *o, const char *name, struct json_object *v);

/* The same, but false, 0, "" and empty objects and lists say nothing and are left out. */
int field_refuse_set(struct outgoing *o, const char *name, struct json_object *v);

/* For tables: `n` where there is one choice, `modalities` where answers are text, `verbosity` and
 * `service_tier` where there is one; what means just that is left out, all else refused. */
int field_single(struct outgoing *o, const char *name, struct json_object *v);
int field_text_only(struct outgoing *o, const char *name, struct json_object *v);
int field_no_verbosity(struct outgoing *o, const char *name, struct json_object *v);
int field_one_tier(struct outgoing *o, const char *name, struct json_object *v);

/*
 * `temperature` into `to` where it ends at 1: what is over that is refused, and 1 when that is dropped.
 */
int field_temperature_to_1(struct outgoing *o, const char *name, struct json_object *v,
                           struct json_object *to);

/* "x" or ["x", "y"] as a list, which is the caller's. */
struct json_object *field_list(struct json_object *v);

/* Both old names have a successor that wins: is this the old one, and the new one there? */
bool field_superseded(const struct outgoing *o, const char *name);

/*
 * The JSON Schema of a response_format of type json_schema, to *ret; *ret stays NULL for type text,
 * *ret_json says whether JSON is wanted at all.
 */
int field_schema(struct outgoing *o, struct json_object *format, bool *ret_json,
                 struct json_object **ret);

#endif
