/*
 * outgoing: what all dialects do alike when they write a request: fields that cannot be honoured,
 * headers with the row's own on top, extra_body, time-outs.
 */
#ifndef SLUICE_PROVIDERS_OUTGOING_H
#define SLUICE_PROVIDERS_OUTGOING_H

#include <json-c/json.h>

#include "base/err.h"
#include "task/config.h"
#include "task/http.h"
#include "task/provider.h"
#include "task/task.h"

/* One request while it is being written. */
struct outgoing {
    const struct model *m;
    struct task *t;
    struct http_request *req;
    struct json_object *body; /* owned by the caller; children are shared with t->body */
    struct err *e;
    /* MAY be NULL. An object in body, the dialect's own and not shared, to which extra_body adds
     * members where it would replace it otherwise. */
    const char *nested;
};

/* Forgets what an earlier route dropped: t->dropped speaks of the call that is made now. */
void outgoing_begin(struct outgoing *o);

/*
 * A field of the request that this API cannot say. With drop_params it is noted in t->dropped and
 * 0 returned (the caller leaves it out); else -1 and a message. field is a path such as
 * "messages[2].name".
 */
int outgoing_refuse(struct outgoing *o, const char *why, const char *field, ...)
    __attribute__((format(printf, 3, 4)));

/* A field that makes no sense for this API whatever drop_params says: always -1. */
int outgoing_fail(struct outgoing *o, const char *why, const char *field, ...)
    __attribute__((format(printf, 3, 4)));

/* t->body.tools, one by one, to a list o->body.tools that `put` appends to. Nothing when there are none. */
int outgoing_tools(struct outgoing *o, int (*put)(struct outgoing *o, struct json_object *tool,
                                                  size_t place, struct json_object *list));

/* Moves the notes of what was dropped to the end of another task's. */
void outgoing_move_dropped(struct task *from, struct task *to);

/* A header, unless extra_headers of the row has one of this name. */
int outgoing_header(struct outgoing *o, const char *name, const char *value);

/* The row's key as a bearer token; nothing without a key. */
int outgoing_bearer(struct outgoing *o);

/*
 * Merges extra_body, adds the row's headers, and writes url (api_base + path), body and time-outs.
 */
int outgoing_finish(struct outgoing *o, const char *path);

/* Sets a member that is shared with another object (takes a reference). */
void outgoing_share(struct json_object *to, const char *key, struct json_object *value);

/* Settings that each dialect needs: an api_base without gaps, a key where the host wants one, an
 * extra_body that is an object. */
int outgoing_check(const struct model *m, struct err *e);

#endif
