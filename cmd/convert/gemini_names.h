/* gemini_names: Gemini's API takes each name in two spellings (maxOutputTokens, max_output_tokens): here all become the
 * first, in place, save what is the caller's own: arguments, results, schemas. */
#ifndef SLUICE_CMD_CONVERT_GEMINI_NAMES_H
#define SLUICE_CMD_CONVERT_GEMINI_NAMES_H

#include <json-c/json.h>

/* *request is replaced. */
void gemini_names(struct json_object **request);

#endif
