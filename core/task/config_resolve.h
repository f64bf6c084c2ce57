/*
 * config_resolve: checks that need more than one key. Private to core/task/config*.c.
 */
#ifndef SLUICE_TASK_CONFIG_RESOLVE_H
#define SLUICE_TASK_CONFIG_RESOLVE_H

#include "task/config.h"

/* "file:line: message" with the file of c; returns -1. line 0: without it. */
int conf_place_err(const struct config *c, int line, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * The vendor's address to m->api_base, with gaps such as {NAME} filled from the environment; the key in
 * its usual variable to m->api_key ("" behind any other address). 0, or -1 and a message.
 */
int conf_vendor_base(const struct config *c, struct model *m, char *const *envp, struct err *e);
int conf_vendor_key(const struct config *c, struct model *m, char *const *envp, struct err *e);

/* The text of a file that holds a secret and nothing else, without white space at its end, in *ret, to be
 * wiped and freed. `label` stands before the path in messages, which show nothing of the secret. */
int conf_read_secret(const struct config *c, int line, const char *label, const char *path,
                     char **ret, struct err *e);

/* Checks the address of the admin port and fetches its token. */
int conf_resolve_admin(struct config *c, struct err *e);

/* Checks where spans go and what goes with them, from the file or from OpenTelemetry's variables. */
int conf_resolve_traces(struct config *c, char *const *envp, struct err *e);

/* Is what stands between "//" and the path of this URL no host with perhaps a port? A user or password would be
 * printed with the URL. */
bool conf_bad_authority(const char *url);

/* Names that are none, priorities, and topics that would read what is written to another. */
int conf_check_topics(const struct config *c, struct err *e);

/* Refuses properties of librdkafka that would break a promise. */
int conf_check_kafka(const struct config *c, struct err *e);

/* The last value of a property for both clients or in `own` (may be NULL), or NULL. */
const char *conf_kafka_get(const struct config *c, const struct property_list *own,
                           const char *name);

/* Is the row served by AWS? */
bool conf_is_aws(const struct model *m);

/* Region, base URL and keys of a row that is; an error when another row has such settings. */
int conf_resolve_aws(const struct config *c, struct model *m, char *const *envp, struct err *e);

#endif
