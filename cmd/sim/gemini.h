/*
 * gemini: what the files of Google's dialect share.
 */
#ifndef SLUICE_CMD_SIM_GEMINI_H
#define SLUICE_CMD_SIM_GEMINI_H

#include "cmd/sim/dialects.h"

/* Checks a generateContent request as the API does; as sim_dialect.read. */
int sim_gemini_read(struct sim_ask *a, struct sim_fail *f);

/* The declaration of this name, or the first one when name is NULL; NULL: there is none. */
struct json_object *sim_gemini_function(const struct sim_ask *a, const char *name);

/* Is it a model that signs its calls and wants the signatures back? */
bool sim_gemini_signs(const struct sim_ask *a);

/* A path of Vertex AI holds more than the model's name: what is behind its last slash. */
void sim_gemini_model(struct sim_ask *a);

/* Each member of o must be one of names, which end with NULL. 0, or -1 with f filled. */
int sim_gemini_members(struct json_object *o, const char *const *names, struct sim_fail *f);

/* Errors; Vertex AI refuses a key with another status. */
void sim_gemini_error(struct sim_reply *r, const struct sim_fail *f);
void sim_vertex_error(struct sim_reply *r, const struct sim_fail *f);

#endif
