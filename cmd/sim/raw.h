/*
 * raw: an answer that stands word for word in a script, for what no other kind of fault says.
 */
#ifndef SLUICE_CMD_SIM_RAW_H
#define SLUICE_CMD_SIM_RAW_H

#include <json-c/json.h>

#include "base/err.h"

struct sim_raw {
    int status;
    char *type;    /* content type */
    char *headers; /* "Name: value\r\n" lines */
    char *body;    /* text as it is, or JSON written out */
};

/*
 * {"kind":"raw","status":429,"headers":{"retry-after":"2"},"body":{"error":"wait"}}. Only status is required;
 * a body that is a string is sent as it is, anything else as JSON. NULL and e filled when it cannot be read.
 */
struct sim_raw *sim_raw_new(struct json_object *o, struct err *e);
void sim_raw_free(struct sim_raw *r);

#endif
