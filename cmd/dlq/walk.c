/*
 * walk: reads a dead-letter topic once, from where it is told to the end as it was at the start, and tells dead
 * letters from other records. What becomes of a letter is up to ls and replay.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/dlq/dlq.h"

#define ID_MAX   ((size_t)16 << 20) /* no record is larger */
#define LINE_MAX ((size_t)128 << 20)

static int name_topic(struct walk *w, int nargs, char *const *args, struct err *e)
{
    const char *topic = nargs ? args[0] : w->client.config->topics.dead_letter;

    if (nargs > 1)
        return err_set(e, EX_USAGE, "one dead-letter topic at a time");
    if (!topic || !*topic)
        return err_set(e, EX_CONFIG,
                       "topics.dead_letter is not set, so bad records are kept nowhere: set it, or "
                       "name the topic to read");
    if (strlen(topic) > LETTER_TOPIC_MAX)
        return err_set(e, EX_USAGE, "the name of the topic is longer than %d bytes",
                       LETTER_TOPIC_MAX);
    snprintf(w->topic, sizeof w->topic, "%s", topic);
    return 0;
}

int walk_open(struct walk *w, const struct dlq_options *o, int nargs, char *const *args,
              struct err *e)
{
    int rc = 0;

    *w = (struct walk){.id = BUF_INIT(ID_MAX), .line = BUF_INIT(LINE_MAX)};
    if (client_init(&w->client, "none", e) < 0 ||
        filter_init(&w->filter, &o->filter, clock_wall_ms(), e) < 0)
        return EX_USAGE;
    rc = client_open(&w->client, &o->config, o->servers, e);
    if (rc == 0 && name_topic(w, nargs, args, e) < 0)
        rc = e->code;
    return rc;
}

int walk_start(struct walk *w, const char *group, const int64_t *offsets, size_t noffsets,
               struct err *e)
{
    struct kafka_reader_setup setup = {.config = w->client.config,
                                       .topic = w->topic,
                                       .group = group,
                                       .from = KAFKA_FROM_BEGINNING,
                                       .offsets = offsets,
                                       .noffsets = noffsets,
                                       .fatal = &w->client.fatal};

    w->reader = kafka_reader_new(&setup, CLIENT_TIMEOUT_MS, e);
    if (!w->reader)
        return -1;
    w->partitions = kafka_reader_partitions(w->reader);
    w->ends = mem_array(w->partitions, sizeof *w->ends);
    return kafka_reader_ends(w->reader, w->ends, CLIENT_TIMEOUT_MS, e);
}

static bool at_end(const struct walk *w)
{
    size_t i = 0;

    for (i = 0; i < w->partitions; i++)
        if (kafka_reader_position(w->reader, i) < w->ends[i])
            return false;
    return true;
}

int walk_step(struct walk *w, int64_t timeout_ms, struct err *e)
{
    int rc = 0;

    if (at_end(w))
        return WALK_END;
    rc = kafka_reader_poll(w->reader, timeout_ms, &w->record, e);
    if (rc < 0)
        return -1;
    /* What came after the start is for the next time: else a letter that dies again would be met again. */
    if (rc != KAFKA_RECORD || w->record.offset >= w->ends[w->record.partition])
        return at_end(w) ? WALK_END : WALK_NOTHING;
    w->letters++;
    buf_clear(&w->id);
    if (letter_read(&w->record, &w->letter) == LETTER_GOOD)
        return WALK_LETTER;
    w->letters--;
    w->foreign++;
    return WALK_FOREIGN;
}

const char *walk_id(struct walk *w)
{
    if (w->id.len == 0)
        letter_id(&w->letter, &w->id);
    return w->id.data ? w->id.data : "";
}

bool walk_takes(struct walk *w)
{
    return filter_takes(&w->filter, &w->letter, filter_wants_id(&w->filter) ? walk_id(w) : NULL);
}

int dlq_flush(struct err *e)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return err_set(e, EX_IOERR, "cannot write the output: %s", strerror(errno));
}

int walk_print(struct walk *w, const char *to, struct err *e)
{
    letter_format(&w->letter, w->topic, walk_id(w), to, &w->line);
    buf_char(&w->line, '\n');
    if (fwrite(w->line.data, 1, w->line.len, stdout) == w->line.len)
        return 0;
    return err_set(e, EX_IOERR, "cannot write the output: %s", strerror(errno));
}

void walk_report(const struct walk *w)
{
    uint64_t lost = w->reader ? kafka_reader_lost(w->reader) : 0;

    if (w->foreign)
        fprintf(stderr,
                "  %" PRIu64 " records on topic %s are no dead letters of sluice, Kafka Connect or "
                "Spring: no header says where they came from\n",
                w->foreign, w->topic);
    if (lost)
        fprintf(stderr, "  %" PRIu64 " records were dropped by the broker before they were read\n",
                lost);
}

void walk_close(struct walk *w)
{
    w->reader = kafka_reader_free(w->reader);
    free(STEAL(w->ends));
    buf_done(&w->id);
    buf_done(&w->line);
    client_done(&w->client);
}
