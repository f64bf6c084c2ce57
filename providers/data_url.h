/*
 * data_url: "data:image/png;base64,AAAA" taken apart. Shared by the dialects that want the parts.
 */
#ifndef SLUICE_PROVIDERS_DATA_URL_H
#define SLUICE_PROVIDERS_DATA_URL_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

/* Points into the URL, which must outlive it. */
struct data_url {
    char type[96]; /* media type without parameters */
    const char *data;
    size_t len;
};

/* 0, or -1 when the string is no base64 data URL. */
int data_url_split(struct json_object *url, struct data_url *ret);

/* Media types compare without case. */
bool data_url_is(const struct data_url *d, const char *type);

/* Is text an http:// or https:// address? */
bool data_url_is_web(const char *text);

#endif
