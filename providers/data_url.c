/* data_url: splits data URLs. It must not decode: most APIs take the base64 text as it is. */
#include "providers/data_url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

int data_url_split(struct json_object *url, struct data_url *ret)
{
    const char *text = json_object_get_string(url);
    const char *comma = strchr(text, ',');
    const char *semicolon = strchr(text, ';');
    size_t type_len = 0;

    if (strncmp(text, "data:", 5) != 0 || !comma || !semicolon || semicolon > comma)
        return -1;
    if (comma - semicolon < 7 || strncasecmp(comma - 7, ";base64", 7) != 0)
        return -1;
    type_len = (size_t)(semicolon - text) - 5;
    if (type_len == 0 || type_len >= sizeof ret->type)
        return -1;
    snprintf(ret->type, sizeof ret->type, "%.*s", (int)type_len, text + 5);
    ret->data = comma + 1;
    ret->len = (size_t)json_object_get_string_len(url) - (size_t)(comma + 1 - text);
    return 0;
}

bool data_url_is(const struct data_url *d, const char *type)
{
    return strcasecmp(d->type, type) == 0;
}

bool data_url_is_web(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}
