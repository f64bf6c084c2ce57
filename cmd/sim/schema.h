/*
 * schema: makes a small instance of a JSON Schema, for structured outputs and tool arguments.
 */
#ifndef SLUICE_CMD_SIM_SCHEMA_H
#define SLUICE_CMD_SIM_SCHEMA_H

#include <json-c/json.h>

/*
 * A value that fits the schema (NULL schema: an object). Understood: const, enum, type, properties,
 * required, items, prefixItems, min/max of numbers and lengths, format, anyOf, oneOf, allOf, local
 * $ref. Not: pattern, not, if, dependencies. `text` is what free strings say. The value is the
 * caller's; NULL stands for JSON null.
 */
struct json_object *sim_schema_instance(struct json_object *schema, const char *text);

#endif
