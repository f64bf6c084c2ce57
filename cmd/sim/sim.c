/*
 * sim: the command `sluice sim`: its options, its help, and waiting for the signal that ends it. The
 * provider itself is behind sim.h.
 */
#include "cmd/sim/sim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

#define STATS_MAX ((size_t)1 << 20)

struct sim_options {
    struct sim_conf conf;
    const char *port_file;
};

#define AT(member) .offset = offsetof(struct sim_options, member)

static const struct option_row rows[] = {
    {.name = "host",
     .type = OPT_STR,
     AT(conf.host),
     .arg = "ADDRESS",
     .fallback = "127.0.0.1",
     .help = "address to listen on"},
    {.name = "port",
     .letter = 'p',
     .type = OPT_INT,
     AT(conf.port),
     .arg = "N",
     .fallback = "8089",
     .min = 0,
     .max = 65535,
     .help = "port to listen on; 0 takes any free one and prints it"},
    {.name = "port-file",
     .type = OPT_STR,
     AT(port_file),
     .arg = "FILE",
     .help = "write the port to this file once it is open, for scripts"},
    {.name = "threads",
     .type = OPT_INT,
     AT(conf.threads),
     .arg = "N",
     .fallback = "1",
     .min = 1,
     .max = 64,
     .help = "threads that serve; one answers tens of thousands of requests a second"},
    {.name = "seed",
     .type = OPT_INT,
     AT(conf.seed),
     .arg = "N",
     .fallback = "0",
     .help = "answers, latencies and faults depend on this, the request body and its attempt only"},
    {.name = "model",
     .type = OPT_LIST,
     AT(conf.models),
     .arg = "NAME",
     .help = "a model that exists; with none given every model does"},
    {.name = "api-key",
     .type = OPT_STR,
     AT(conf.api_key),
     .arg = "KEY",
     .help = "refuse requests without this key with 401"},
    {.name = "latency",
     .letter = 'l',
     .type = OPT_STR,
     AT(conf.latency),
     .arg = "TIME",
     .help = "200ms, uniform:50ms,200ms or lognormal:median=800ms,sigma=0.6"},
    {.name = "answer",
     .type = OPT_STR,
     AT(conf.answer),
     .arg = "KIND",
     .fallback = "echo",
     .help = "echo (the last user message), text (see --text) or lorem"},
    {.name = "answer-bytes",
     .type = OPT_SIZE,
     AT(conf.answer_bytes),
     .arg = "SIZE",
     .fallback = "4k",
     .help = "how much of the message an echo repeats"},
    {.name = "text",
     .type = OPT_STR,
     AT(conf.text),
     .arg = "TEXT",
     .help = "the answer of --answer text"},
    {.name = "output-tokens",
     .type = OPT_STR,
     AT(conf.output_tokens),
     .arg = "N[..M]",
     .fallback = "64",
     .help = "length of the answers of --answer lorem"},
    {.name = "cached-percent",
     .type = OPT_INT,
     AT(conf.cached_percent),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = 100,
     .help = "share of the prompt tokens that the usage reports as cached"},
    {.name = "reasoning-tokens",
     .type = OPT_INT,
     AT(conf.reasoning_tokens),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = 1000000,
     .help = "reasoning tokens in the usage"},
    {.name = "dimensions",
     .type = OPT_INT,
     AT(conf.dimensions),
     .arg = "N",
     .fallback = "64",
     .min = 1,
     .max = 4096,
     .help = "length of embeddings when the request names none"},
    {.name = "rps",
     .type = OPT_INT,
     AT(conf.rps),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = INT32_MAX,
     .help = "requests a second of each model; 0: no limit"},
    {.name = "rpm",
     .type = OPT_INT,
     AT(conf.rpm),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = INT32_MAX,
     .help = "requests a minute of each model; more get 429 and are counted; 0: no limit"},
    {.name = "rpd",
     .type = OPT_INT,
     AT(conf.rpd),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = INT32_MAX,
     .help = "requests a day of each model; 0: no limit"},
    {.name = "tpm",
     .type = OPT_INT,
     AT(conf.tpm),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = (int64_t)1 << 40,
     .help = "tokens (prompt and answer) a minute of each model; 0: no limit"},
    {.name = "input-tpm",
     .type = OPT_INT,
     AT(conf.input_tpm),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = (int64_t)1 << 40,
     .help = "tokens of prompts a minute of each model; 0: no limit"},
    {.name = "output-tpm",
     .type = OPT_INT,
     AT(conf.output_tpm),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = (int64_t)1 << 40,
     .help = "tokens of answers a minute of each model; 0: no limit"},
    {.name = "tpd",
     .type = OPT_INT,
     AT(conf.tpd),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = (int64_t)1 << 40,
     .help = "tokens (prompt and answer) a day of each model; 0: no limit"},
    {.name = "max-parallel",
     .type = OPT_INT,
     AT(conf.parallel),
     .arg = "N",
     .fallback = "0",
     .min = 0,
     .max = INT32_MAX,
     .help = "requests in flight of each model; 0: no limit"},
    {.name = "limit-all",
     .type = OPT_FLAG,
     AT(conf.limit_all),
     .help = "the limits are for all models together"},
    {.name = "limit-window",
     .type = OPT_DURATION,
     AT(conf.limit_window_ms),
     .arg = "TIME",
     .fallback = "60s",
     .help = "how long a minute is, for shorter tests; a second and a day get shorter with it"},
    {.name = "limit-header",
     .type = OPT_STR,
     AT(conf.limit_header),
     .arg = "FORM",
     .fallback = "retry-after",
     .help = "how 429 says when to come back: retry-after, retry-after-ms, retry-after-date, reset "
             "or none"},
    {.name = "count-only",
     .type = OPT_FLAG,
     AT(conf.count_only),
     .help = "count what breaks a limit, but answer it"},
    {.name = "fault",
     .letter = 'f',
     .type = OPT_LIST,
     AT(conf.faults),
     .arg = "KIND:PERCENT[,KEY=VALUE]",
     .help = "make a share of the requests fail; see above"},
    {.name = "script",
     .type = OPT_STR,
     AT(conf.script),
     .arg = "FILE",
     .help = "exact scenarios and outages, a JSON object a line; see above"},
    {.name = "count-header",
     .type = OPT_STR,
     AT(conf.count_header),
     .arg = "NAME",
     .fallback = "X-Sluice-Digest",
     .help = "count requests by the value of this header too"},
    {.name = "body-max",
     .type = OPT_SIZE,
     AT(conf.body_max),
     .arg = "SIZE",
     .fallback = "16M",
     .help = "largest request body; a larger one gets 413"},
    {.name = "max-connections",
     .type = OPT_INT,
     AT(conf.max_connections),
     .arg = "N",
     .fallback = "20000",
     .min = 1,
     .max = 1000000,
     .help = "connections held at once"},
    {.name = "max-digests",
     .type = OPT_INT,
     AT(conf.max_digests),
     .arg = "N",
     .fallback = "4194304",
     .min = 1,
     .max = 268435456,
     .help = "different bodies told apart; past it the stats say overflow"},
    {.name = NULL},
};

static const char description[] =
    "A provider that costs nothing and misbehaves on command. It speaks OpenAI chat completions, "
    "responses and "
    "embeddings (POST /v1/chat/completions, /v1/responses, /v1/embeddings) and Anthropic messages "
    "(POST "
    "/v1/messages), all also without /v1, Azure OpenAI below /openai/deployments/NAME and "
    "/openai/v1, Cohere chat and embed (POST /v2/chat, /v2/embed), "
    "Ollama chat and embed (POST /api/chat, /api/embed), Amazon Bedrock Converse and "
    "embeddings (POST /model/ID/converse, /model/ID/invoke; the key of a signed request is its key "
    "id), Google's generateContent, embedContent "
    "and batchEmbedContents (POST /v1beta/models/MODEL:generateContent and so on; for Vertex AI "
    "POST /v1/projects/.../MODEL:generateContent, :embedContent, :predict; the wait of a 429 "
    "stands in the body), and GET /v1/models. Forced tool calls, "
    "structured "
    "outputs, "
    "logprobs, n, and token limits are honoured; streaming is not. By default the answer is "
    "\"echo: \" "
    "and the last user message, so that a test can tell whose answer it holds.\n"
    "\n"
    "Everything is drawn from --seed, the bytes of the request body, and how often that body came "
    "before. A run with the same requests meets the same faults, in whatever order they arrive.\n"
    "\n"
    "Kinds of --fault: 429, 500, 503, 529; quota, auth, notfound, context (errors that a retry "
    "does "
    "not mend); reset (connection reset), stall (no answer for=60s, then closed), cut (closed "
    "after "
    "at=50 percent of the body), drip (chunks of bytes=64 every wait=100ms); error200, empty200, "
    "html200, notjson (status 200, but no good); refusal, length, filter (the model stops early); "
    "huge (padded with spaces to bytes=64M). 429, 503 and 529 take header= (retry-after, "
    "retry-after-ms, retry-after-date, reset, none) and wait=1s. Every kind takes model=NAME.\n"
    "\n"
    "In a script, "
    "{\"kind\":\"raw\",\"status\":429,\"headers\":{\"retry-after\":\"2\"},\"body\":{...}} is "
    "an answer word for word; a body that is a string is sent as it is.\n"
    "\n"
    "A line of --script: {\"match\":{\"model\":\"x\",\"contains\":\"text\",\"api\":\"chat\","
    "\"attempt\":1,\"nth\":1}, \"fault\":{\"kind\":\"429\",\"wait\":\"2s\"}, \"times\":3, "
    "\"from\":\"10s\",\"until\":\"40s\"}. Only \"fault\" is required. attempt counts how often "
    "this very "
    "body came, nth how many requests matched the line, from and until are since the start. The "
    "first "
    "line that applies wins; the kind none protects a request. Lines that start with # are "
    "comments.\n"
    "\n"
    "GET /stats counts. calls: answers begun that a real provider would bill, also those that were "
    "cut, "
    "or whose client had left; paid: of these, the ones handed over whole; abandoned: the client "
    "left "
    "first; repeated_bodies: bodies that were paid for more than once; violations: requests over a "
    "limit. Errors, resets and stalls are no calls. GET /stats?digests=1 lists every body, and "
    "every "
    "value of --count-header. POST /reset starts all over; GET /healthz says whether it is up.";

static const char examples[] =
    "sluice sim\n"
    "sluice sim --port 0 --port-file /tmp/port --latency lognormal:median=800ms,sigma=0.6\n"
    "sluice sim --fault 429:10,header=retry-after,wait=2s --fault 500:5 --fault reset:2 --fault "
    "cut:1\n"
    "sluice sim --rpm 600 --tpm 100000 --max-parallel 32\n"
    "sluice sim --script outage.jsonl\n"
    "curl -s localhost:8089/stats\n";

static int write_port(const char *path, uint16_t port, struct err *e)
{
    FILE *f = fopen(path, "we");
    bool bad = !f || fprintf(f, "%u\n", port) < 0;

    if (f && fclose(f) != 0)
        bad = true;
    return bad ? err_set(e, EX_CANTCREAT, "--port-file %s: %s", path, strerror(errno)) : 0;
}

static void announce(const struct sim_conf *c, uint16_t port)
{
    const char *host = c->host ? c->host : "127.0.0.1";
    bool v6 = strchr(host, ':') != NULL;

    fprintf(
        stderr,
        "sluice sim listening on http://%s%s%s:%u (openai: /v1, anthropic: /v1, gemini: /v1beta)\n",
        v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static void report(struct sim *s)
{
    struct buf b = BUF_INIT(STATS_MAX);

    sim_stats(s, false, &b);
    fprintf(stderr, "sluice sim: %s", b.data ? b.data : "\n");
    buf_done(&b);
}

static int run_sim(const void *opts, int nargs, char *const *args, struct err *e)
{
    const struct sim_options *o = opts;
    struct sim *s = NULL;
    sigset_t stop;
    int sig = 0, rc = 0;

    (void)nargs;
    (void)args;
    /* Blocked before the threads start, so that only sigwait() below takes them. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    s = sim_start(&o->conf, e);
    if (!s)
        return e->code ? e->code : EX_UNAVAILABLE;
    if (o->port_file && write_port(o->port_file, sim_port(s), e) < 0) {
        rc = EX_CANTCREAT;
    } else {
        announce(&o->conf, sim_port(s));
        sigwait(&stop, &sig);
        report(s);
    }
    sim_stop(s);
    pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
    return rc;
}

const struct command command_sim = {
    .name = "sim",
    .summary = "a simulated provider with scripted faults, for tests",
    .description = description,
    .examples = examples,
    .options = rows,
    .options_size = sizeof(struct sim_options),
    .run = run_sim,
};
