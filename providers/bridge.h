/*
 * bridge: requests to /v1/responses on models whose provider has a chat API only, of whatever dialect.
 * The part of the API that needs no state at the provider is translated: the request to a chat request,
 * which the dialect then writes, and its chat.completion to a `response` object. What needs state, or
 * tools of the provider, is an error that names the field.
 */
#ifndef SLUICE_PROVIDERS_BRIDGE_H
#define SLUICE_PROVIDERS_BRIDGE_H

#include <json-c/json.h>

#include "providers/outgoing.h"
#include "task/provider.h"

/* A dialect's entries call these for a task with OP_RESPONSES; they call m->provider's entries again,
 * for a task with OP_CHAT. */
int bridge_format(const struct model *m, struct task *t, struct http_request *req, struct err *e);
void bridge_parse(const struct model *m, const struct task *t, const struct http_response *rsp,
                  struct answer *ans);

/* Why a request that leans on earlier ones cannot be translated, and what to do. */
#define BRIDGE_STATE                                                                               \
    "is state that the provider would keep; send it to a model that speaks the Responses API "     \
    "(params.mode: responses)"

/* The rest is between bridge*.c. t->body, a request to /v1/responses, into o->body, a chat request; 0, or
 * -1 with o->e naming the field. */
int bridge_fields(struct outgoing *o);
int bridge_tools(struct outgoing *o);
int bridge_input(struct outgoing *o);

/* A chat.completion, of which finish tells the end, to the `response` that says the same. */
struct json_object *bridge_response(struct json_object *completion, enum finish finish,
                                    const struct usage *u);

#endif
