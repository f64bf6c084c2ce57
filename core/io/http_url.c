/*
 * http_url: URLs parsed once per engine, because parsing is a seventh of libcurl's work per
 * request.
 *
 * URLs come from the configuration (a base URL and a model's path), so there are few. The table
 * keeps what it has seen until the engine ends: easy handles point into it. When it is full,
 * further URLs are checked but not kept. A URL that is not http or https is refused here.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "io/http_int.h"

static size_t hash_of(const char *s)
{
    uint64_t h = 0xcbf29ce484222325ULL; /* FNV-1a */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
    return (size_t)(h ^ h >> 32);
}

static struct url *url_free(struct url *u)
{
    if (!u)
        return NULL;
    curl_url_cleanup(u->parsed);
    free(u->text);
    free(u);
    return NULL;
}

void urls_done(struct urls *u)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(u->slot); i++)
        u->slot[i] = url_free(u->slot[i]);
    u->count = 0;
}

static int parse(const char *text, CURLU **ret, char *detail, size_t cap)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL;
    CURLUcode rc = CURLUE_OUT_OF_MEMORY;
    bool good = false;

    if (parsed)
        rc = curl_url_set(parsed, CURLUPART_URL, text, 0);
    if (!rc)
        rc = curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
    good = !rc && (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
    curl_free(scheme);
    if (good) {
        *ret = parsed;
        return 0;
    }
    snprintf(detail, cap, "URL cannot be used (%s): it must begin with https:// or http://",
             rc ? curl_url_strerror(rc) : "another scheme");
    curl_url_cleanup(parsed);
    return -1;
}

int urls_get(struct urls *u, const char *text, struct url **ret, char *detail, size_t cap)
{
    size_t i = hash_of(text) % ARRAY_LEN(u->slot);
    CURLU *parsed = NULL;

    while (u->slot[i] && strcmp(u->slot[i]->text, text) != 0)
        i = (i + 1) % ARRAY_LEN(u->slot);
    if (!u->slot[i]) {
        if (parse(text, &parsed, detail, cap) < 0)
            return -1;
        if (u->count == HTTP_URLS_MAX) {
            curl_url_cleanup(parsed);
            return URLS_FULL;
        }
        u->slot[i] = mem_alloc(sizeof *u->slot[i]);
        u->slot[i]->text = mem_strdup(text);
        u->slot[i]->parsed = parsed;
        list_init(&u->slot[i]->waiting);
        u->count++;
    }
    *ret = u->slot[i];
    return 0;
}
