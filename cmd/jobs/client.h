/*
 * client: the side of a job over Kafka that `enqueue`, `collect` and `batch` share: its configuration, the survey of
 * its input, who the broker is, what ends it early (a signal, a fatal error), and its progress. What is sent and read
 * is in sender.h and collector.h.
 *
 * The order of calls: client_init, client_open, client_survey (when there is an input), client_signals, then
 * client_describe and the threads of Kafka, client_started, and client_ended in every turn; client_done always.
 */
#ifndef SLUICE_CMD_JOBS_CLIENT_H
#define SLUICE_CMD_JOBS_CLIENT_H

#include "cmd/batch/index.h"
#include "cmd/batch/input.h"
#include "cmd/batch/progress.h"
#include "cmd/command.h"
#include "cmd/jobs/run.h"
#include "io/kafka/kafka.h"

#define CLIENT_TIMEOUT_MS 15000

struct client {
    struct config *config;
    const char *input_path;   /* NULL: no input */
    struct input *input;      /* rewound */
    struct index *index;      /* of its rows; may be freed early, with its pointer cleared */
    struct kafka_fatal fatal; /* for the setup of everything that talks to Kafka */
    struct progress progress;
    int64_t started_us;
    int signal_fd; /* -1: not open */
};

/* -1: there is no such mode of progress. */
int client_init(struct client *c, const char *progress_mode, struct err *e);
void client_done(struct client *c); /* also after half of the calls */

/* The configuration of a command that needs no models; servers: --bootstrap-servers, or NULL. 0 or an exit
 * code. */
int client_open(struct client *c, const struct config_options *o, const char *servers,
                struct err *e);

/* Opens the input and reads all its rows as prepare_index() does; --model becomes the default model. */
int client_survey(struct client *c, const char *path, const struct input_options *in,
                  bool keep_going, struct err *e);

/* From here on signals end the job in an orderly way. Before the first thread. */
int client_signals(struct client *c, struct err *e);

/* The topic of requests: wanted, or the first of the configuration. NULL: it is a pattern. */
const char *client_request_topic(const struct config *c, const char *wanted, struct err *e);

/* What the job is as far as it is known here: topics, servers, cluster, and input, size, rows and digest when there is
 * an input. Asks the broker who it is. */
int client_describe(const struct client *c, const char *topic, struct run *ret, struct err *e);

/* The clocks of progress and report begin. */
void client_started(struct client *c);

/* Waits up to wait_ms for a signal. 0: go on; 128 + signal; -1: Kafka cannot go on. */
int client_ended(struct client *c, int wait_ms, struct err *e);

/* What a job says that a signal ended; returns its exit code. */
int client_stopped(int ended, struct err *e);

#endif
