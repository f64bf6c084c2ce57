/*
 * vector: an embedding in the form that encoding_format base64 asks for, where an API gives numbers
 * only.
 */
#ifndef SLUICE_PROVIDERS_VECTOR_H
#define SLUICE_PROVIDERS_VECTOR_H

#include <json-c/json.h>

/*
 * A list of numbers as a string: packed floats of 4 bytes, little-endian, in base64. NULL when it is no
 * such list, or empty.
 */
struct json_object *vector_pack(struct json_object *numbers);

#endif
