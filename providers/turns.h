/*
 * turns: the messages of a request as APIs of content blocks want them. System and developer messages,
 * wherever they stand, become the system blocks in their order; tool results become blocks of a user
 * turn; messages of one role in a row become one turn, because the roles have to alternate.
 */
#ifndef SLUICE_PROVIDERS_TURNS_H
#define SLUICE_PROVIDERS_TURNS_H

#include <stddef.h>

#include <json-c/json.h>

#include "providers/outgoing.h"

/* Where a content part stands. */
enum turn_place {
    TURN_TEXT, /* in a system or assistant message: text only */
    TURN_USER,
    TURN_RESULT, /* of a tool */
};

enum { TURN_MARKED = 1 };

/* The blocks of one API. What is returned is the caller's. */
struct turn_words {
    /* Appends a text block; nothing when the text is empty: APIs refuse that, and it says nothing. */
    void (*text)(struct json_object *blocks, struct json_object *text);

    /*
     * Appends what becomes of a part; where is its path for messages. 0, or -1 with o->e set; positive
     * TURN_MARKED: mark() belongs behind the whole result that the part is in.
     */
    int (*part)(struct outgoing *o, struct json_object *part, const char *where,
                enum turn_place place, struct json_object *blocks);

    struct json_object *(*call)(struct json_object *id, struct json_object *name,
                                struct json_object *input);
    struct json_object *(*result)(struct json_object *id,
                                  struct json_object *content); /* takes over content */

    /* Of thinking that an earlier answer gave (blocks.h); NULL: it cannot be sent. */
    struct json_object *(*thinking)(struct json_object *block);

    struct json_object *(*mark)(void); /* MAY be NULL when nothing is ever marked */
};

/* o->t->body.messages into o->body: system and messages. 0, or -1 with o->e naming the field. */
int turns_put(struct outgoing *o, const struct turn_words *words);

#endif
