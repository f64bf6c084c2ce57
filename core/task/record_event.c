/*
 * record_event: CloudEvents 1.0 over the Kafka binding, binary and structured mode. Finds the
 * request in the event; it does not look into the request.
 */
#include "task/record_int.h"

#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/mem.h"

#define STRUCTURED "application/cloudevents+json"

bool record_event_binary(const struct task *t)
{
    return task_header_get(t, "ce_specversion") || task_header_get(t, "ce_id");
}

bool record_event_structured(const struct task *t)
{
    size_t n = strlen(STRUCTURED);
    int i = 0;

    for (i = 0; i < t->nheaders; i++) {
        const struct task_header *h = &t->headers[i];

        if (strcasecmp(h->name, "content-type") != 0 || !h->value || h->len < n)
            continue;
        return strncasecmp(h->value, STRUCTURED, n) == 0 &&
               (h->len == n || strchr("; \t", h->value[n]));
    }
    return false;
}

int record_event_open(struct json_object *root, const char **ret_id, struct json_object **ret_data,
                      struct err *e)
{
    const char *version = json_get_str(root, "specversion");
    const char *id = json_get_str(root, "id");
    struct json_object *data = json_get(root, "data");

    if (!version || strncmp(version, "1.", 2) != 0)
        return record_wrong(e, "specversion of the CloudEvent", "\"1.0\"",
                            json_get(root, "specversion"));
    if (!id || !*id)
        return record_wrong(e, "id of the CloudEvent", "a string that is not empty",
                            json_get(root, "id"));
    if (json_get(root, "data_base64"))
        return err_set(
            e, EX_DATAERR,
            "data_base64 of the CloudEvent is not read; put the request into data as JSON");
    if (!json_object_is_type(data, json_type_object))
        return record_wrong(e, "data of the CloudEvent", "the request, a JSON object", data);
    *ret_id = id;
    *ret_data = data;
    return 0;
}
