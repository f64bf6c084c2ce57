/*
 * messages: what dialects do alike when they walk through the messages of a request: roles, calls,
 * texts, each checked and named by its path when it is bad.
 */
#ifndef SLUICE_PROVIDERS_MESSAGES_H
#define SLUICE_PROVIDERS_MESSAGES_H

#include <json-c/json.h>

#include "providers/outgoing.h"

/* Developer messages are system messages where there is no role for them. */
enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

/* "system", "user", "assistant", "tool" */
const char *message_role_name(enum role role);

/*
 * The role of messages[place], for APIs whose messages have no name. -1: it has none of these roles, a
 * name that may not be dropped, or a function_call of old times.
 */
int message_role(struct outgoing *o, struct json_object *message, size_t place, enum role *ret);

/*
 * Calls `put` for each part of a content that is a list, with its place; -1 when the content is no list
 * or put gives -1.
 */
int message_parts(struct outgoing *o, struct json_object *content, size_t place,
                  int (*put)(void *arg, struct json_object *part, size_t i), void *arg);

/*
 * The type of a part, and its text when it is one (type text, or refusal, which is text to APIs that
 * have no such thing). *ret_text is NULL for other types. -1: no type, or a text that is no string.
 */
int message_part(struct outgoing *o, struct json_object *part, size_t place, size_t i,
                 const char **ret_type, struct json_object **ret_text);

/*
 * Calls `put` for each of the tool_calls of messages[place], which then have an id and a named function.
 * arguments is the object that their text says.
 */
int message_calls(struct outgoing *o, struct json_object *message, size_t place,
                  void (*put)(void *arg, struct json_object *call, struct json_object *arguments),
                  void *arg);

#endif
