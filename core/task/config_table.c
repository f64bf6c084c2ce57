/*
 * config_table: the rows of struct config. Data only: how a type is read or printed stands in
 * config_value.c and config_print.c.
 */
#include "task/config_table.h"

#include <string.h>

#define AT(field) .offset = offsetof(struct config, field)

static const char *const deliveries[] = {"exactly_once", "at_least_once", NULL};
static const char *const dedupes[] = {"none", "task_id", NULL};
static const char *const scopes[] = {"pool", "process", NULL};
static const char *const strategies[] = {
    "simple-shuffle",        "least-busy", "lowest-cost", "lowest-latency", "cost-based-routing",
    "latency-based-routing", NULL};
static const char *const stickies[] = {"none", "session", "tenant", NULL};
static const char *const budget_periods[] = {"run", "day", NULL};
static const char *const budget_actions[] = {"pause", NULL};
static const char *const unknown_prices[] = {"refuse", "allow", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {"text", "json", NULL};

const struct conf_row conf_rows[] = {
    {.path = "version",
     .type = CONF_INT,
     AT(version),
     .min = 1,
     .max = 1,
     .fallback = "1",
     .help = "version of this file's format"},
    {.path = "delivery",
     .type = CONF_ENUM,
     AT(delivery),
     .fallback = "exactly_once",
     .choices = deliveries,
     .help = "what a reader of the replies may rely on. exactly_once: a reader of committed "
             "records sees one reply to each request, whatever crashes. at_least_once: replies go "
             "out a little sooner; none is lost, after a crash one may be repeated. The embedded "
             "broker of `sluice dev` has no transactions: there it is always at_least_once"},

    {.path = "kafka",
     .type = CONF_KAFKA,
     .example = "  bootstrap.servers: ${KAFKA_BROKERS:-localhost:9092}\n"
                "  group.id: llm-workers\n"
                "  #consumer: {fetch.wait.max.ms: 50}\n"
                "  #producer: {compression.type: zstd}\n",
     .help = "properties of librdkafka, word for word, for both clients; those of one client only "
             "stand below consumer: or producer:. A property that would break a promise (such as "
             "acks=0) is refused with the reason"},

    {.path = "topics.requests",
     .type = CONF_LIST,
     AT(topics.requests),
     .fallback = "llm.requests",
     .help = "topics that requests are read from"},
    {.path = "topics.priority",
     .type = CONF_PROPERTIES,
     AT(topics.priority),
     .example = "    llm.interactive: 5\n",
     .help = "of request topics, 0 to 9, 0 for those not named: where requests wait, those of the "
             "higher topic go first, and the others keep an eighth of pool.max_in_flight free for "
             "them; of 16 that go, one is of a lower topic all the same"},
    {.path = "topics.replies",
     .type = CONF_STR,
     AT(topics.replies),
     .fallback = "llm.replies",
     .help = "topic that replies go to, unless the request names another allowed one"},
    {.path = "topics.dead_letter",
     .type = CONF_STR,
     AT(topics.dead_letter),
     .fallback = "llm.dead",
     .help = "topic for records that cannot be read and replies that cannot be delivered; \"\" for "
             "none"},
    {.path = "topics.delay",
     .type = CONF_STR,
     AT(topics.delay),
     .fallback = "",
     .help =
         "topic on which requests are parked whose models are cooling for long, so that they do "
         "not hold up those of other models; the workers of the group read it, too; \"\" for "
         "none: they wait in their partition"},
    {.path = "topics.reply_allow",
     .type = CONF_LIST,
     AT(topics.reply_allow),
     .help = "further topics that a request may name in the header kafka_replyTopic"},
    {.path = "topics.partitions",
     .type = CONF_INT,
     AT(topics.partitions),
     .min = 1,
     .max = 10000,
     .fallback = "12",
     .help = "partitions of each topic that `sluice topics create` makes"},
    {.path = "topics.replication",
     .type = CONF_INT,
     AT(topics.replication),
     .min = -1,
     .max = 32,
     .fallback = "-1",
     .help =
         "replicas of each topic that `sluice topics create` makes; -1 for the broker's default"},

    {.path = "pool.workers",
     .type = CONF_INT,
     AT(pool.workers),
     .min = 0,
     .max = 256,
     .fallback = "0",
     .help = "worker threads; 0 for as many as there are processors"},
    {.path = "pool.max_in_flight",
     .type = CONF_INT,
     AT(pool.max_in_flight),
     .min = 1,
     .max = 1000000,
     .fallback = "4096",
     .help =
         "tasks between their arrival and their reply, in the whole process; bounds the memory"},
    {.path = "pool.max_calls",
     .type = CONF_INT,
     AT(pool.max_calls),
     .min = 1,
     .max = 100000,
     .fallback = "2048",
     .help = "calls to providers at the same time, in the whole process; never more than "
             "max_in_flight"},
    {.path = "pool.max_per_partition",
     .type = CONF_INT,
     AT(pool.max_per_partition),
     .min = 1,
     .max = 100000,
     .fallback = "1000",
     .help = "records of one partition that may be open at the same time"},
    {.path = "pool.drain_timeout",
     .type = CONF_DURATION,
     AT(pool.drain_timeout_ms),
     .min = 0,
     .max = DAY,
     .fallback = "30s",
     .help = "how long a stop waits for running calls"},
    {.path = "pool.static_membership",
     .type = CONF_BOOL,
     AT(pool.static_membership),
     .fallback = "true",
     .help = "keep the partitions over a restart, by a group.instance.id that belongs to the store "
             "directory"},
    {.path = "pool.poison_crashes",
     .type = CONF_INT,
     AT(pool.poison_crashes),
     .min = 0,
     .max = 100,
     .fallback = "5",
     .help =
         "a record that was in flight when its worker died (killed, out of memory, a bug) this "
         "often is answered with the error \"poison\" and goes to the dead-letter topic; from 3 "
         "on, records under suspicion are tried in ever smaller groups, so that innocent ones "
         "are not taken along; 0 for never"},
    {.path = "pool.head_max_age",
     .type = CONF_DURATION,
     AT(pool.head_max_age_ms),
     .min = 0,
     .max = 365 * DAY,
     .fallback = "15m",
     .help =
         "the oldest open record of a partition is ended with the error \"head_cancelled\" when "
         "it is older than this and the partition cannot go on because of it: all but a few "
         "of the records behind it are done; never in an outage; 0 for never"},

    {.path = "pool.park_for",
     .type = CONF_DURATION,
     AT(pool.park_for_ms),
     .min = 1000,
     .max = HOUR,
     .fallback = "30s",
     .help =
         "how long a request stays on topics.delay before it is tried again; one whose deadline "
         "is nearer than twice that is not parked"},

    {.path = "model_list",
     .type = CONF_MODELS,
     .example = "  - model_name: fast\n"
                "    params:\n"
                "      model: openai/gpt-5-mini\n"
                "      api_key: os.environ/OPENAI_API_KEY\n"
                "      rpm: 500\n"
                "      tpm: 200000\n"
                "    model_info:\n"
                "      input_cost_per_token: 2.5e-7\n"
                "      output_cost_per_token: 2.0e-6\n"
                "      cache_read_input_token_cost: 2.5e-8\n",
     .help = "the deployments that serve requests, at most 64; several rows may share a model_name "
             "and divide its requests by weight"},
    {.path = "default_model",
     .type = CONF_STR,
     AT(default_model),
     .fallback = "",
     .help = "model_name for requests that name none; \"\" to refuse them"},
    {.path = "drop_params",
     .type = CONF_BOOL,
     AT(drop_params),
     .fallback = "false",
     .help = "leave out request fields that a provider cannot honour, with a note in the reply, "
             "instead of refusing the request"},
    {.path = "limits_scope",
     .type = CONF_ENUM,
     AT(limits_scope),
     .fallback = "pool",
     .choices = scopes,
     .help =
         "whom the limits of model_list are for. pool: all workers of the consumer group "
         "together; each uses the part that its partitions carry, so that the limits hold while "
         "workers come and go. Their clocks may differ by half a second. process: each worker by "
         "itself. Without Kafka there is one process, and this changes nothing"},
    {.path = "dedupe",
     .type = CONF_ENUM,
     AT(dedupe),
     .fallback = "none",
     .choices = dedupes,
     .help =
         "task_id: a second record with the task_id of an earlier one on the same topic gets no "
         "reply, also when the first one ended in an error (unless it could not be read) or asks "
         "something else. The record's "
         "key must be the task_id: one with another key is served as if this were off, and "
         "counted. The ids seen live in the store of the worker, so a partition that moves to "
         "another disk forgets them. none: each record gets its reply"},
    {.path = "dedupe_ttl",
     .type = CONF_DURATION,
     AT(dedupe_ttl_ms),
     .min = MINUTE,
     .max = 365 * DAY,
     .fallback = "24h",
     .help = "how long a task_id is remembered from its first record on"},
    {.path = "dedupe_max_bytes",
     .type = CONF_SIZE,
     AT(dedupe_max_bytes),
     .min = 1 * MB,
     .max = TB,
     .fallback = "1GB",
     .help = "task_ids remembered, on disk, some 40 bytes each; the oldest are forgotten first"},

#include "task/config_table_router.inc"

    {.path = "budget.max_cost",
     .type = CONF_NUM,
     AT(budget.max_cost),
     .min = 0,
     .max = INT64_C(1000000000),
     .example = "25.00",
     .help =
         "USD that calls may cost, for each process; no bound when it is not set. The most that a "
         "call can cost is reserved before it is sent, so that this is never passed, however many "
         "are in flight. That needs the prices of the model and the length of its longest answer: "
         "max_completion_tokens of the request, or model_info.max_output_tokens"},
    {.path = "budget.max_requests",
     .type = CONF_INT,
     AT(budget.max_requests),
     .min = 0,
     .max = INT64_C(1000000000000),
     .fallback = "0",
     .help = "calls to providers, for each process, retries included; 0 for no bound"},
    {.path = "budget.per",
     .type = CONF_ENUM,
     AT(budget.per),
     .fallback = "run",
     .choices = budget_periods,
     .help =
         "run: the whole job of `sluice batch` with all its runs, or one life of a worker; day: "
         "from midnight to midnight UTC, also over restarts on the same store"},
    {.path = "budget.on_exceed",
     .type = CONF_ENUM,
     AT(budget.on_exceed),
     .fallback = "pause",
     .choices = budget_actions,
     .help = "pause: nothing more is bought and nothing fails; `sluice batch` stops with exit code "
             "75 and goes on with a higher budget, a worker is not ready and its requests wait for "
             "the next day or a restart with a higher budget"},
    {.path = "budget.unknown_price",
     .type = CONF_ENUM,
     AT(budget.unknown_price),
     .fallback = "refuse",
     .choices = unknown_prices,
     .help = "requests whose most possible cost cannot be known beforehand, where max_cost is set. "
             "refuse: they get an error that says what is missing; allow: they are sent, and what "
             "they are known to have cost is counted afterwards, so max_cost may be passed"},
    {.path = "tenants",
     .type = CONF_TENANTS,
     .example = "  team-a: {max_cost: 5.00, weight: 3}\n"
                "  team-b: {max_requests: 10000}\n",
     .help =
         "shares and budgets of single tenants (sluice.tenant of a request), at most 256. Budgets "
         "are beside the one of all and for the same time; the requests of a tenant whose budget "
         "is used up wait and do not hold up others"},

    {.path = "cache.enabled",
     .type = CONF_BOOL,
     AT(cache.enabled),
     .fallback = "true",
     .help =
         "answer repeated requests from the store; the journal of paid calls is kept in any case"},
    {.path = "cache.path",
     .type = CONF_STR,
     AT(cache.path),
     .fallback = "",
     .help = "directory of the store; \"\" leaves the choice to the command"},
    {.path = "cache.ttl",
     .type = CONF_DURATION,
     AT(cache.ttl_ms),
     .min = 0,
     .max = 3650 * DAY,
     .fallback = "30d",
     .help = "age at which a stored completion is no longer used; 0 for never"},
    {.path = "cache.max_bytes",
     .type = CONF_SIZE,
     AT(cache.max_bytes),
     .min = 0,
     .max = 1024 * TB,
     .fallback = "50GB",
     .help = "completions on disk, the oldest go first; 0 for no bound"},
    {.path = "cache.block_cache",
     .type = CONF_SIZE,
     AT(cache.block_cache_bytes),
     .min = 1 * MB,
     .max = TB,
     .fallback = "64MB",
     .help = "memory for what was read from the store: values, and the indexes of where they are"},
    {.path = "cache.block_size",
     .type = CONF_SIZE,
     AT(cache.block_bytes),
     .min = 4 * KB,
     .max = 1 * MB,
     .fallback = "4KB",
     .help = "what is read and unpacked at once to find one value: more saves disk, less saves "
             "time; values that are there stay as they are until they are written again"},
    {.path = "cache.write_buffer",
     .type = CONF_SIZE,
     AT(cache.write_buffer_bytes),
     .min = 1 * MB,
     .max = 64 * GB,
     .fallback = "32MB",
     .help = "memory for completions and journal entries before they are sorted to disk"},
    {.path = "cache.sync",
     .type = CONF_BOOL,
     AT(cache.sync),
     .fallback = "false",
     .help = "wait for the disk after each batch; without it a power failure, not a crash, may "
             "cost the last moments"},
    {.path = "cache.accept_fallbacks",
     .type = CONF_BOOL,
     AT(cache.accept_fallbacks),
     .fallback = "true",
     .help =
         "a stored answer of any model that the request accepts will do, not only of the first"},
    {.path = "cache.journal_max_age",
     .type = CONF_DURATION,
     AT(cache.journal_max_age_ms),
     .min = MINUTE,
     .max = 3650 * DAY,
     .fallback = "7d",
     .help = "age at which a journal entry that nobody asked for is dropped"},
    {.path = "cache.journal_max_bytes",
     .type = CONF_SIZE,
     AT(cache.journal_max_bytes),
     .min = 1 * MB,
     .max = TB,
     .fallback = "2GB",
     .help = "journal on disk, the oldest entries go first"},

    {.path = "limits.record_bytes",
     .type = CONF_SIZE,
     AT(limits.record_bytes),
     .min = 1 * KB,
     .max = GB,
     .fallback = "1000000",
     .help = "largest request record; a larger one is answered with an error"},
    {.path = "limits.reply_bytes",
     .type = CONF_SIZE,
     AT(limits.reply_bytes),
     .min = 4 * KB,
     .max = GB,
     .fallback = "4MB",
     .help = "largest reply record; over Kafka, message.max.bytes of the producer and "
             "max.message.bytes of the topic must allow it"},
    {.path = "limits.response_bytes",
     .type = CONF_SIZE,
     AT(limits.response_bytes),
     .min = 64 * KB,
     .max = 4 * GB,
     .fallback = "64MB",
     .help = "largest answer of a provider; reading stops there"},
    {.path = "limits.json_depth",
     .type = CONF_INT,
     AT(limits.json_depth),
     .min = 4,
     .max = 256,
     .fallback = "48",
     .help = "deepest nesting of a request"},

    {.path = "observability.log_level",
     .type = CONF_ENUM,
     AT(observability.log_level),
     .fallback = "info",
     .choices = log_levels,
     .help = "least important level that is logged"},
    {.path = "observability.log_format",
     .type = CONF_ENUM,
     AT(observability.log_format),
     .fallback = "text",
     .choices = log_formats,
     .help = "text (logfmt) or json, one event a line on stderr"},
    {.path = "observability.listen",
     .type = CONF_STR,
     AT(observability.listen),
     .fallback = "",
     .help =
         "address of the admin port of `sluice worker`, such as 127.0.0.1:9464 (a port alone is "
         "on 127.0.0.1, port 0 is any free one): /metrics for Prometheus, /livez and /readyz "
         "for probes, /status for people, and POST /drain, /pause, /resume and /log-level. "
         "Other machines reach it at 0.0.0.0:9464 or \"[::]:9464\"; the POSTs then need "
         "admin_token. \"\" for no admin port"},
    {.path = "observability.admin_token",
     .type = CONF_SECRET,
     AT(observability.admin_token),
     .fallback = "",
     .help = "what a POST to the admin port must bring, as `Authorization: Bearer TOKEN`; without "
             "one, POSTs are taken from this machine only"},
    {.path = "observability.admin_token_reads",
     .type = CONF_BOOL,
     AT(observability.admin_token_reads),
     .fallback = "false",
     .help = "the token is wanted for reading as well: /status, /history, /metrics and /log-level. "
             "/livez, /readyz and the live page stay open; the page takes the token from its own "
             "address, /#token=TOKEN"},
    {.path = "observability.admin_token_file",
     .type = CONF_STR,
     AT(observability.admin_token_file),
     .fallback = "",
     .help = "file that holds the token and nothing else"},

#include "task/config_table_traces.inc"
    {.path = NULL},
};

#define OF(field) .offset = offsetof(struct tenant, field)

const struct conf_row conf_tenant_rows[] = {
    {.path = "max_cost",
     .type = CONF_NUM,
     OF(max_cost),
     .min = 0,
     .max = INT64_C(1000000000),
     .help = "USD that its calls may cost, for each process; no bound when it is not set"},
    {.path = "max_requests",
     .type = CONF_INT,
     OF(max_requests),
     .min = 0,
     .max = INT64_C(1000000000000),
     .fallback = "0",
     .help = "its calls to providers; 0 for no bound"},
    {.path = "weight",
     .type = CONF_INT,
     OF(weight),
     .min = 1,
     .max = 1000,
     .fallback = "1",
     .help = "its share, in estimated tokens, of a model that the requests of several tenants wait "
             "for; a tenant that is not listed has 1, and so have all requests without one, "
             "together"},
    {.path = NULL},
};

const char *conf_leaf(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? dot + 1 : path;
}
