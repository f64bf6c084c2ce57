/*
 * config: the configuration as plain data, and how to load it.
 *
 * Names, types, ranges, defaults and help texts come from one table (core/task/config_table.c); the
 * YAML reader, `check --print`, the man page and the sample file are all driven by it. Precedence:
 * --set a.b=c, environment SLUICE__A__B, file, default. After config_load() the struct is constant and
 * may be read by any thread.
 */
#ifndef SLUICE_TASK_CONFIG_H
#define SLUICE_TASK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "task/prices.h"

struct provider;
struct vendor;

#define CONFIG_MODELS_MAX 64 /* rows of model_list: task.refused_routes is a bit set */

struct string_list {
    char **at;
    size_t count;
};

/* A property handed to librdkafka word for word. */
struct property {
    char *name;
    char *value;
    int line; /* where it stands in the file, 0: not from a file */
};

struct property_list {
    struct property *at;
    size_t count;
};

/* One row of model_list: a deployment, also called a route. Several rows may share model_name. */
struct model {
    int index;            /* place in config.models */
    int line;             /* where it stands in the file, 0: not from a file */
    char *model_name;     /* what tasks ask for */
    char *provider_name;  /* before the first "/" of params.model: "openai", "groq", ... */
    char *upstream_model; /* behind it */
    char *mode;           /* which API serves it: auto, chat, responses; NULL means auto */
    const struct provider *provider; /* dialect; resolved by config_resolve() */
    const struct vendor *vendor;     /* or NULL */
    char *api_base;                  /* without a slash at the end */
    char *api_key;                   /* "" when it needs none */
    char *api_key_file;              /* api_key is read from it by config_resolve(); or NULL */
    char *api_version;               /* of an API that wants one in its URL (Azure), or NULL */
    char *aws_region_name;   /* where a row of AWS is served, or NULL; one row has one region */
    char *aws_access_key_id; /* these three instead of api_key; or NULL */
    char *aws_secret_access_key;
    char *aws_session_token;
    struct property_list extra_headers;
    char *extra_body;              /* JSON object text merged into each request body, or NULL */
    double weight;                 /* >= 0; share among rows of the same model_name */
    int64_t rps, rpm, rpd;         /* requests per second, minute and day, 0: unlimited */
    int64_t tpm, tpd;              /* tokens per minute and day (input + output), 0: unlimited */
    int64_t input_tpm, output_tpm; /* 0: unlimited */
    int64_t max_parallel_requests; /* 0: unlimited */
    int64_t timeout_ms;
    int64_t connect_timeout_ms;
    bool drop_params;     /* global or of this row */
    char *digest_header;  /* name of a header that gets the request digest in hex, or NULL */
    char *vertex_project; /* Vertex AI: the base URL is made of these two when it is not set */
    char *vertex_location;
    char *tls_ca_file; /* or NULL: the system's */
    bool tls_verify;
    /* model_info */
    struct prices prices;
    int64_t max_input_tokens;  /* context window, 0: unknown */
    int64_t max_output_tokens; /* 0: unknown; the default of max_tokens where an API needs one */
};

/* fallbacks: when `from` cannot serve, try `to` in order. */
struct fallback {
    char *from;
    struct string_list to;
    int line; /* where it stands in the file, 0: not from a file */
};

struct fallback_list {
    struct fallback *at;
    size_t count;
};

/* What one tenant may use, beside the budget of all. */
struct tenant {
    char *name;           /* as requests say it in sluice.tenant */
    int line;             /* where it stands in the file, 0: not from a file */
    double max_cost;      /* USD, negative: no bound */
    int64_t max_requests; /* 0: no bound */
    int64_t weight;       /* of its share where tasks wait */
};

#define CONFIG_TENANTS_MAX 256
#define TENANT_NAME_MAX    128 /* bytes, as record_int.h has it for requests */

struct config {
    char *path; /* file it came from, or NULL */
    int64_t version;
    char *delivery; /* exactly_once, at_least_once */

    struct property_list kafka;          /* both clients */
    struct property_list kafka_consumer; /* kafka.consumer.* */
    struct property_list kafka_producer; /* kafka.producer.* */

    struct {
        struct string_list requests;
        struct property_list priority; /* of request topics, 0 to 9; 0 for those not named */
        char *replies;
        char *dead_letter; /* "" : none */
        char *delay;       /* where tasks of models that cool for long are parked; "" : nowhere */
        struct string_list
            reply_allow;    /* topics that kafka_replyTopic may name, beside `replies` */
        int64_t partitions; /* for `topics create` */
        int64_t replication;
    } topics;

    struct {
        int64_t workers;           /* 0: as many as cores */
        int64_t max_in_flight;     /* tasks between intake and reply, whole process */
        int64_t max_calls;         /* HTTP transfers at once, whole process */
        int64_t max_per_partition; /* open records per partition (kafka.md 2.9: 1,000) */
        int64_t drain_timeout_ms;
        bool static_membership;
        int64_t poison_crashes;  /* 0: off */
        int64_t head_max_age_ms; /* 0: off */
        int64_t park_for_ms;     /* how long a parked task stays on topics.delay */
    } pool;

    struct model *models;
    size_t nmodels;
    char *default_model; /* for requests without one; "" : an error */

    struct {
        char *routing_strategy; /* simple-shuffle, least-busy, lowest-cost, lowest-latency */
        char *sticky;           /* none, session, tenant */
        int64_t num_retries;    /* calls after the first that failed, 429 not counted */
        int64_t allowed_fails;  /* failures in a row before a route cools down */
        int64_t cooldown_ms;
        int64_t retry_base_ms; /* full jitter: random(0, min(cap, base * 2^n)) */
        int64_t retry_max_ms;
        int64_t max_retry_after_ms; /* a longer hint parks the route instead of the task */
        int64_t task_timeout_ms;    /* deadline of a task that names none; 0: none */
        bool retry_caller_fault;    /* try one other provider after a 400 */
        double retry_budget;        /* retries that fail, as a share of good answers */
        bool learn_limits;          /* find out what a provider bears */
        struct fallback_list fallbacks;
        struct fallback_list context_window_fallbacks;
        struct fallback_list content_policy_fallbacks;
    } router;

    struct {
        double max_cost;      /* USD, negative: no bound */
        int64_t max_requests; /* calls to providers, 0: no bound */
        char *per;            /* run, day */
        char *on_exceed;      /* pause */
        char *unknown_price;  /* refuse, allow */
    } budget;
    struct tenant *tenants;
    size_t ntenants;

    struct {
        bool enabled;      /* completions; the journal is always on */
        char *path;        /* directory of the store */
        int64_t ttl_ms;    /* 0: never expires */
        int64_t max_bytes; /* of completions on disk, 0: unbounded */
        int64_t block_cache_bytes;
        int64_t block_bytes; /* of a table of the store, before it is compressed */
        int64_t write_buffer_bytes;
        bool sync; /* fsync each batch */
        bool accept_fallbacks;
        int64_t journal_max_age_ms;
        int64_t journal_max_bytes;
    } cache;

    struct {
        int64_t record_bytes;   /* largest request record */
        int64_t reply_bytes;    /* largest reply record */
        int64_t response_bytes; /* largest HTTP response body */
        int64_t json_depth;
    } limits;

    bool drop_params;
    char *limits_scope; /* pool, process */

    char *dedupe;             /* none task_id */
    int64_t dedupe_ttl_ms;    /* > 0 */
    int64_t dedupe_max_bytes; /* of the ids seen, on disk */

    struct {
        char *log_level;        /* debug info warn error */
        char *log_format;       /* text json */
        char *listen;           /* of the admin port (listen.h); "": off */
        char *admin_token;      /* "": none */
        char *admin_token_file; /* admin_token is read from it by config_resolve(); or "" */
        bool admin_token_reads; /* it is wanted for reading, too */
    } observability;

    struct {
        char *endpoint; /* whole URL after config_resolve(); "": no spans are made */
        struct property_list headers;
        char *token_file;    /* or "" */
        char *token;         /* what config_resolve() read from it, or NULL */
        char *tls_ca_file;   /* "": the system's */
        char *service_name;  /* never "" after config_resolve() */
        double sample_ratio; /* 0 to 1, where no caller has decided */
        bool contents;       /* prompts and answers, too */
        bool send_to_providers;
        int64_t timeout_ms;   /* of one delivery */
        int64_t max_buffered; /* bytes of spans not delivered yet */
    } traces;
};

/* All defaults, no file, no models. */
struct config *config_new(void);
struct config *config_free(struct config *c); /* wipes secrets; NULL is fine; returns NULL */

/*
 * Defaults, then the file (NULL: none), then SLUICE__* of envp, then nsets strings "a.b=c". An error
 * is one line: "file:line:col: what is wrong; did you mean `x`?". Does not resolve providers.
 */
int config_load(const char *path, char *const *envp, const char *const *sets, size_t nsets,
                struct config **ret, struct err *e);

/* The same from memory; `name` stands for the file in messages. For tests, fuzzing and `dev`. */
int config_parse(const char *text, size_t len, const char *name, char *const *envp,
                 const char *const *sets, size_t nsets, struct config **ret, struct err *e);

/*
 * Fills provider, vendor, api_base and api_key defaults of each row from the two tables (both end with
 * a row whose name is NULL), and checks what can be checked offline: fallbacks to unknown models, rows
 * that can never be chosen, limits that contradict each other, Kafka properties that would break a
 * promise.
 */
int config_resolve(struct config *c, const struct provider *const *providers,
                   const struct vendor *vendors, char *const *envp, struct err *e);

/*
 * What is allowed but probably not meant: missing prices, rows of weight 0, size limits that do not fit
 * each other. Calls fn with one line of text for each; after config_resolve().
 */
void config_warnings(const struct config *c, void (*fn)(void *arg, const char *text), void *arg);

/* Writes the effective configuration as YAML, secrets as "***". */
void config_print(const struct config *c, FILE *to);

/* Writes an annotated sample file / the option section of sluice.yaml(5), from the table. */
void config_print_sample(FILE *to);
void config_print_man(FILE *to);

/* topics.priority of a request topic. */
int config_topic_priority(const struct config *c, const char *topic);

/* How many different priorities above this one there are among the request topics. */
int config_priorities_above(const struct config *c, int priority);

/* First row of this model_name at or behind `from`; NULL: none. */
const struct model *config_model(const struct config *c, const char *model_name, size_t from);

/* The value of the row's own header of this name, in any case; NULL: none, or an empty one. */
const char *model_header(const struct model *m, const char *name);

/* "500ms", "1h30m", "2d"; a plain number is seconds. 0, or -1 when the text is no duration. */
int config_duration(const char *text, int64_t *ret_ms);

/* "4096", "64k", "10MB", "2GiB", all in powers of 1024. 0, or -1 when the text is no size. */
int config_size(const char *text, int64_t *ret_bytes);

/* A whole decimal number with an optional sign, and nothing behind it. 0 or -1. */
int config_int(const char *text, int64_t *ret);

/* A finite decimal number, such as 0.5 or 2.5e-7. 0 or -1. */
int config_num(const char *text, double *ret);

/* The nearest of n names by edit distance, or NULL when none is near. */
const char *config_nearest(const char *name, const char *const *names, size_t n);

#endif
