/* fetch: a page of an admin port, from another process: for `health`, `top`, and those that steer a worker. */
#ifndef SLUICE_CMD_ADMIN_FETCH_H
#define SLUICE_CMD_ADMIN_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "cmd/command.h"

#define FETCH_URL_MAX    512
#define FETCH_STATUS_MAX ((size_t)4 << 20) /* for the text of /status */

/* The two options by which every command that asks a running worker finds it. */
#define FETCH_URL_ROW(opts)                                                                        \
    {                                                                                              \
        .name = "url", .type = OPT_STR, .offset = offsetof(opts, url), .arg = "URL",               \
        .help = "the worker's admin port, http://127.0.0.1:9464; default: observability.listen "   \
                "of the configuration"                                                             \
    }
#define FETCH_TOKEN_ROW(opts)                                                                      \
    {                                                                                              \
        .name = "token-file", .type = OPT_STR, .offset = offsetof(opts, token_file),               \
        .arg = "FILE",                                                                             \
        .help = "file that holds the token of the admin port; default: observability.admin_token " \
                "or admin_token_file of the configuration"                                         \
    }

/* Where the admin port is: `url` when it is given, else what the configuration says, of which nothing else has to
 * be in order. Without a slash at the end. -1: it has none, or the configuration cannot be read. */
int fetch_url(const char *url, const struct config_options *o, char ret[FETCH_URL_MAX],
              struct err *e);

/* GET of url and path, with the token, "" for none. 0: *ret_status and the body (initialised by the caller) are there; -1:
 * no answer came. */
int fetch(const char *url, const char *path, const char *token, int64_t timeout_ms, int *ret_status,
          struct buf *ret, struct err *e);

/* The same, a POST. */
int fetch_post(const char *url, const char *path, const char *token, int64_t timeout_ms,
               int *ret_status, struct buf *ret, struct err *e);

/* /status of the worker at url, to be put away by the caller; page is room for its text. */
int fetch_status(const char *url, const char *token, int64_t timeout_ms, struct buf *page,
                 struct json_object **ret, struct err *e);

/* The token of the admin port: what stands in `file` when it is given, else what the configuration says; "" when it
 * says nothing or there is none. To be freed. */
int fetch_token(const char *file, const struct config_options *o, char **ret, struct err *e);

#endif
