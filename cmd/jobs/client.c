/* client: see client.h. It sends and reads no records. */
#include "cmd/jobs/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/runtime.h"
#include "io/kafka/kafka.h"

int client_config(const struct config_options *o, const char *servers, struct config **ret,
                  struct err *e)
{
    struct config *c = NULL;
    int rc = command_config(o, &c, e);

    if (rc)
        return rc;
    if (servers)
        runtime_property(c, "bootstrap.servers", servers);
    if (kafka_config_check(c, false, e) < 0) {
        config_free(c);
        return e->code ? e->code : EX_CONFIG;
    }
    *ret = c;
    return 0;
}

const char *client_request_topic(const struct config *c, const char *wanted, struct err *e)
{
    const char *topic = wanted;

    if (!topic && c->topics.requests.count)
        topic = c->topics.requests.at[0];
    if (topic && *topic && *topic != '^')
        return topic;
    err_set(e, EX_USAGE, "topics.requests names no single topic: say which with --topic");
    return NULL;
}

int client_describe(struct run *r, const struct config *c, const char *topic, const char *input,
                    int64_t input_bytes, struct err *e)
{
    char *path = input ? realpath(input, NULL) : NULL;
    const char *servers = kafka_consumer_property(c, "bootstrap.servers");
    struct kafka_info info;

    snprintf(r->topic, sizeof r->topic, "%s", topic);
    snprintf(r->replies, sizeof r->replies, "%s", c->topics.replies ? c->topics.replies : "");
    snprintf(r->servers, sizeof r->servers, "%s", servers ? servers : "");
    snprintf(r->input, sizeof r->input, "%s", path ? path : "");
    free(path);
    r->input_bytes = input_bytes;
    if (kafka_probe(c, CLIENT_TIMEOUT_MS, &info, e) < 0)
        return -1;
    snprintf(r->cluster, sizeof r->cluster, "%s", info.cluster_id);
    return 0;
}
