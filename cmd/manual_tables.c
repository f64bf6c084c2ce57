/* manual_tables: what sluice(7) lists and no other table of the program holds. */
#include "cmd/manual_int.h"

#include "task/class.h"

const struct manual_row manual_exits[] = {
    {"0", "all went well"},
    {"1", "some lines failed, or the answer of a check is no"},
    {"64", "wrong usage"},
    {"65", "bad input"},
    {"66", "the input is missing"},
    {"69", "a service cannot be reached, or refuses"},
    {"70", "a mistake of this program"},
    {"71", "the system gives no thread, descriptor or memory"},
    {"73", "the output cannot be made"},
    {"74", "a read or write failed"},
    {"75", "stopped early, safe to resume with the same command"},
    {"77", "access was refused: each key that could serve is bad"},
    {"78", "a mistake in the configuration"},
    {"130", "ended by a second SIGINT"},
    {"143", "ended by a second SIGTERM"},
    {NULL, NULL},
};

const struct manual_row manual_signals[] = {
    {"SIGTERM, SIGINT",
     "the first one drains: no new call is started, those that run may end within "
     "pool.drain_timeout, what waits goes back to its topic. The second one ends at once; what was "
     "answered is in the store, what was running may have to be paid for again"},
    {"SIGHUP", "as SIGTERM: a lost terminal is no reason to throw running calls away"},
    {"SIGPIPE, SIGXFSZ", "ignored: the write says so"},
    {NULL, NULL},
};

const struct manual_row manual_environment[] = {
    {"SLUICE__A__B", "sets the key a.b of the configuration, see sluice.yaml(5)"},
    {"OPENAI_API_KEY, ANTHROPIC_API_KEY, ...", "the usual variable of a vendor: its key when the "
                                               "row names none and calls the vendor's own base "
                                               "URL"},
    {"http_proxy, https_proxy, all_proxy, no_proxy",
     "as libcurl reads them, for calls to providers"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, "
     "OTEL_EXPORTER_OTLP_TRACES_HEADERS, OTEL_EXPORTER_OTLP_PROTOCOL, "
     "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_SERVICE_NAME, OTEL_TRACES_EXPORTER, "
     "OTEL_SDK_DISABLED",
     "where traces go, when the configuration does not say (traces.endpoint)"},
    {"XDG_CACHE_HOME, HOME",
     "where the store is when cache.path is not set: sluice/ below the first, "
     ".cache/sluice/ below the second"},
    {"NOTIFY_SOCKET", "set by systemd: the worker says when it is ready, and that it is alive"},
    {NULL, NULL},
};

const struct manual_row manual_files[] = {
    {"./sluice.yaml", "the configuration when no -c names another"},
    {"CACHE.PATH/slot-N/",
     "the identity and the store of one worker, locked by it: answers that were "
     "paid for, and what was spent of its budget. Not to be copied"},
    {"IN.run", "written by enqueue: the identity of a job over Kafka, for collect"},
    {"OUT.job", "written by batch: what it needs to resume"},
    {"OUT.status", "written by batch and collect: how the job stands, for sluice runs"},
    {"OUT.budget", "written by batch --max-cost: what was spent, over all runs"},
    {NULL, NULL},
};

const struct manual_row manual_topics[] = {
    {"topics.requests",
     "request records, in any number of topics; their partitions are how workers share "
     "the work and the limits"},
    {"topics.replies", "one reply for each request, keyed by its id; reads with "
                       "isolation.level=read_committed see each once"},
    {"topics.reply_allow", "topics that a request may name for its reply"},
    {"topics.dead_letter",
     "the bytes of records that could not be read, and of those whose reply no "
     "broker takes"},
    {"topics.delay", "copies of requests whose models are away; nobody else reads or writes it"},
    {NULL, NULL},
};

const struct manual_row manual_headers_in[] = {
    {"kafka_replyTopic", "where the reply shall go, if topics.reply_allow names it"},
    {"kafka_replyPartition", "which partition of it: four bytes, big-endian, or digits"},
    {"kafka_correlationId", "any bytes; echoed"},
    {"traceparent, tracestate", "the trace that the request belongs to; handed on and echoed"},
    {"sluice-run", "the job that the request belongs to; echoed"},
    {"sluice-session", "the conversation, for router_settings.sticky"},
    {"ce_specversion, ce_id",
     "a CloudEvent in binary mode; ce_id is the id when nothing else names one"},
    {"content-type", "application/cloudevents+json: a CloudEvent in structured mode"},
    {NULL, NULL},
};

const struct manual_row manual_headers_out[] = {
    {"sluice-task-id", "the id"},
    {"sluice-attempts", "number of calls"},
    {"sluice-model", "name of the model that answered"},
    {"sluice-cache", "miss, hit or coalesced"},
    {"sluice-source-topic, sluice-source-partition, sluice-source-offset", "the request record"},
    {"kafka_correlationId, traceparent, tracestate, sluice-run", "as they came"},
    {"ce_specversion, ce_id, ce_type, ce_source, content-type",
     "when the request was a CloudEvent"},
    {"kafka_dlt-*, __connect.errors.*",
     "of a dead letter: where it came from and why, as Spring and Kafka Connect name them"},
    {NULL, NULL},
};

const char *const manual_classes[CLASS_COUNT] = {
    [CLASS_OK] = "a good answer",
    [CLASS_TRANSPORT] = "no connection, or one that broke; again, then another row",
    [CLASS_TIMEOUT] = "no answer in time; once more, then another row",
    [CLASS_TRANSIENT] = "500, 502, 503, 504, 408, 409; again, then another row",
    [CLASS_OVERLOAD] = "529 and the like: the model rests with every key, others at once",
    [CLASS_RATE_LIMIT] = "429: the model rests with this key as long as the provider says",
    [CLASS_TOO_LARGE_FOR_TPM] = "the request alone exceeds a limit a minute; other rows",
    [CLASS_QUOTA] = "out of credit: rows with this key are off for 15 minutes",
    [CLASS_CREDENTIAL] = "a bad key: rows with it are off for an hour",
    [CLASS_MODEL_ACCESS] = "the model is not there for this key: off for 10 minutes; others",
    [CLASS_MODEL_GONE] = "the model is retired: off for 24 hours; others",
    [CLASS_REGION] = "not served in this country: off for 24 hours; others",
    [CLASS_CONTEXT_WINDOW] = "longer than the window: context_window_fallbacks",
    [CLASS_CONTENT_POLICY] = "filtered: content_policy_fallbacks",
    [CLASS_CALLER_FAULT] = "the request is wrong: an error reply at once",
    [CLASS_BAD_RESPONSE] = "cut, empty or not JSON; once more, then another row",
    [CLASS_UNKNOWN] = "nothing known matched; once more, then another row",
};
