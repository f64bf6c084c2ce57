/* dlq: the table of the sub-commands of `sluice dlq` and of their options. */
#include "cmd/dlq/dlq.h"

#include "cmd/jobs/option_rows.h"

#define AT(member) .offset = offsetof(struct dlq_options, member)
#define COMMON_ROWS                                                                                \
    CONFIG_OPTION_ROWS(struct dlq_options, config),                                                \
        JOB_SERVERS_ROW(struct dlq_options, servers,                                               \
                        "brokers; the same as --set kafka.bootstrap.servers=..."),                 \
        {.name = "code",                                                                           \
         .type = OPT_LIST,                                                                         \
         AT(filter.codes),                                                                         \
         .arg = "PATTERN",                                                                         \
         .help = "only letters with this code (sluice) or exception class (Connect, Spring)"},     \
        {.name = "topic",                                                                          \
         .type = OPT_LIST,                                                                         \
         AT(filter.topics),                                                                        \
         .arg = "PATTERN",                                                                         \
         .help = "only letters that came from this topic"},                                        \
        {.name = "match",                                                                          \
         .letter = 'm',                                                                            \
         .type = OPT_LIST,                                                                         \
         AT(filter.match),                                                                         \
         .arg = "PATTERN",                                                                         \
         .help = "only letters with this key or task id"},                                         \
        {.name = "since",                                                                          \
         .type = OPT_STR,                                                                          \
         AT(filter.since),                                                                         \
         .arg = "TIME",                                                                            \
         .help = "only letters written at this time or later: 2026-12-01T08:00:00Z, "              \
                 "2026-12-01, or 2h for two hours ago"},                                           \
        {.name = "until",                                                                          \
         .type = OPT_STR,                                                                          \
         AT(filter.until),                                                                         \
         .arg = "TIME",                                                                            \
         .help = "only letters written before this time"},                                         \
    {                                                                                              \
        .name = "limit", .letter = 'n', .type = OPT_INT, AT(limit), .arg = "N", .fallback = "0",   \
        .min = 0, .max = INT64_MAX, .help = "stop after N letters; 0: all"                         \
    }

static const struct option_row ls_rows[] = {
    COMMON_ROWS,
    {.name = "count",
     .type = OPT_FLAG,
     AT(count),
     .help = "print how many there are of each code instead, the most frequent first"},
    {0}};

static const struct option_row replay_rows[] = {
    COMMON_ROWS,
    {.name = "yes",
     .letter = 'y',
     .type = OPT_FLAG,
     AT(yes),
     .help = "send them; without it, nothing is sent"},
    {.name = "dry-run",
     .type = OPT_FLAG,
     AT(dry_run),
     .help = "print what would be sent and where to; the default"},
    {.name = "to",
     .type = OPT_STR,
     AT(to),
     .arg = "TOPIC",
     .help = "send to this topic instead of the one that each letter came from"},
    {.name = "rate",
     .type = OPT_STR,
     AT(rate),
     .arg = "N/s",
     .help = "send at most so many a second (10/s), minute (300/m) or hour (1000/h)"},
    {.name = "run",
     .type = OPT_STR,
     AT(run),
     .arg = "NAME",
     .help = "make them a job of this name, so that collect --run NAME gets the new replies"},
    {.name = "group",
     .type = OPT_STR,
     AT(group),
     .arg = "NAME",
     .help = "consumer group under which the broker keeps what was replayed; default: " DLQ_GROUP},
    {.name = "from-beginning",
     .type = OPT_FLAG,
     AT(from_beginning),
     .help = "replay again what was replayed before, too"},
    {0}};

static const struct command dlq_ls = {
    .name = "ls",
    .summary = "list dead letters, one line of JSON each",
    .operands = "[TOPIC]",
    .description =
        "Reads TOPIC (default: topics.dead_letter) up to its end as it was at the start. Each line "
        "says where the letter stands (dead_letter) and where it came from (source), task_id, key, "
        "code, message, group, time, bytes, how often it was replayed, and who wrote it: sluice, "
        "connect or spring. The value is not shown: kcat -C -t TOPIC -p PARTITION -o OFFSET -c 1 "
        "does that.\n"
        "Patterns are those of a shell, such as 'bad_*'; an option that is given several times "
        "takes what any of them takes.",
    .examples = "sluice dlq ls --count\n"
                "sluice dlq ls --code bad_record --since 2h\n"
                "sluice dlq ls orders-dlt -b kafka:9092\n",
    .options = ls_rows,
    .options_size = sizeof(struct dlq_options),
    .run = dlq_run_ls,
};

static const struct command dlq_replay = {
    .name = "replay",
    .summary = "send dead letters back to where they came from",
    .operands = "[TOPIC]",
    .description =
        "Sends value, key and headers of the records as they were to the topics they came from. "
        "The headers of dead letters are left out; " LETTER_FROM_HEADER
        " (topic/partition/offset of the letter) and " LETTER_COUNT_HEADER " are added. Letters "
        "stay on their topic.\n"
        "Without --yes it prints what it would send, in the form of ls with `to`. With --yes it "
        "sends, and prints one line of JSON: replayed, failed, already (met, and replayed before), "
        "passed_over (by the filters), foreign (no dead letters). Exit "
        "code 1: some could not be sent.\n"
        "What the brokers have acknowledged is kept under the group; the same or another replay "
        "passes over it, with whatever filters. After a crash, what was sent within the last "
        "second may be sent twice. The broker forgets the group offsets.retention.minutes (7 days "
        "by default) after the last replay. One replay at a time under a group.\n"
        "Replies carry the custom_id of the first ones, which collect drops as repeats: give "
        "--run NAME to collect the new ones.",
    .examples = "sluice dlq replay --code bad_record\n"
                "sluice dlq replay --code reply_undeliverable --rate 10/s --yes\n"
                "sluice dlq replay --match 'row-4*' --to llm.requests --run again --yes\n",
    .options = replay_rows,
    .options_size = sizeof(struct dlq_options),
    .run = dlq_run_replay,
};

static const struct command *const dlq_commands[] = {&dlq_ls, &dlq_replay, NULL};

const struct command command_dlq = {
    .name = "dlq",
    .summary = "list dead letters, and send them back",
    .description =
        "Dead letters are records that could not be read, or whose reply the broker refuses. Those "
        "of Kafka Connect and of Spring are understood, too.\n",
    .examples = "sluice dlq ls --count\n"
                "sluice dlq replay --code bad_record --yes\n",
    .sub = dlq_commands,
};
