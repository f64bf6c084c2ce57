/*
 * replay: `sluice dlq replay`: sends dead letters back to where they came from, as they were. Each one is sent
 * once: what the brokers have acknowledged is saved under a group, what is saved is passed over. Without --yes
 * it only says what it would do.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/dlq/dlq.h"
#include "cmd/dlq/rate.h"
#include "cmd/dlq/replayed.h"
#include "cmd/dlq/targets.h"

#define POLL_MS   100
#define SERVE_MS  100
#define FLUSH_MS  10000
#define SAVE_MS   2000
#define SAVE_US   500000  /* how often progress is saved */
#define TELL_US   3000000 /* after so long a wait is told */
#define SAY_MAX   20      /* failures that are told one by one */
#define FLUSH_FEW 100     /* lines of a dry run between two looks at stdout */

struct replay {
    const struct dlq_options *o;
    const char *group;
    struct walk walk;
    struct replayed *replayed;
    struct targets *targets;
    struct rate rate;
    int64_t saved_us;
    uint64_t begun, sent, failed, already, passed;
    struct kafka_record record; /* as it is sent */
};

static void say_failure(struct replay *r, int32_t partition, int64_t offset, const char *why)
{
    if (++r->failed <= SAY_MAX)
        fprintf(stderr, "dlq replay: %s/%d/%" PRId64 " stays: %s\n", r->walk.topic, (int)partition,
                offset, why);
}

static void settled(void *arg, int32_t partition, int64_t offset, const char *why)
{
    struct replay *r = arg;

    replayed_end(r->replayed, partition, offset, !why);
    if (why)
        say_failure(r, partition, offset, why);
    else
        r->sent++;
}

/* A save that does not work is repeated; the last one, at the end, must work. */
static void serve(struct replay *r, int64_t timeout_ms)
{
    struct err e = {0};
    char text[600];
    int64_t now_us = 0;

    targets_poll(r->targets, timeout_ms);
    now_us = clock_mono_us();
    if (now_us - r->saved_us < SAVE_US)
        return;
    if (replayed_save(r->replayed, SAVE_MS, &e) < 0)
        log_warn("progress is not saved yet", "text=%s", log_quote(e.msg, text, sizeof text));
    r->saved_us = clock_mono_us();
}

/* 0: now; 128 + signal; -1. */
static int wait_turn(struct replay *r, struct err *e)
{
    int64_t left_us = 0;
    int rc = 0;

    while (rc == 0 && (left_us = rate_take(&r->rate, clock_mono_us())) > 0) {
        serve(r, left_us / 1000 + 1 < SERVE_MS ? left_us / 1000 + 1 : SERVE_MS);
        rc = client_ended(&r->walk.client, 0, e);
    }
    return rc;
}

static int send_record(struct replay *r, const char *topic, struct err *e)
{
    struct kafka_record *rec = &r->record;
    struct err why = {0};
    int64_t tell_us = clock_mono_us() + TELL_US;
    int rc = targets_send(r->targets, topic, rec, &why);

    while (rc == KAFKA_FULL) {
        if (targets_held(r->targets) && clock_mono_us() > tell_us) {
            tell_us = INT64_MAX;
            fprintf(stderr,
                    "dlq replay: the embedded broker is full, waiting for a worker that "
                    "reads topic %s\n",
                    topic);
        }
        serve(r, SERVE_MS);
        rc = client_ended(&r->walk.client, 0, e);
        if (rc) {
            replayed_end(r->replayed, rec->partition, rec->offset, false);
            return rc;
        }
        rc = targets_send(r->targets, topic, rec, &why);
    }
    if (rc == KAFKA_SENT)
        return 0;
    replayed_end(r->replayed, rec->partition, rec->offset, false);
    say_failure(r, rec->partition, rec->offset, why.msg);
    return 0;
}

static int send_letter(struct replay *r, const char *topic, struct err *e)
{
    struct walk *w = &r->walk;
    struct letter_own own;
    int rc = wait_turn(r, e);

    if (rc)
        return rc;
    if (replayed_begin(r->replayed, w->record.partition, w->record.offset) < 0)
        return err_set(e, EX_TEMPFAIL,
                       "%s/%d/%" PRId64 " cannot be replayed by itself: what group %s has replayed "
                       "has so many holes that the broker could not keep it. Replay what lies "
                       "before it first, or use another --group",
                       w->topic, (int)w->record.partition, w->record.offset, r->group);
    letter_restore(&w->letter, w->topic, r->o->run, &own, &r->record);
    return send_record(r, topic, e);
}

/* 0: go on; 128 + signal; -1. */
static int consider(struct replay *r, struct err *e)
{
    struct walk *w = &r->walk;
    const char *topic = r->o->to ? r->o->to : w->letter.topic;

    if (!r->o->from_beginning && replayed_has(r->replayed, w->record.partition, w->record.offset)) {
        r->already++;
        return 0;
    }
    if (!walk_takes(w)) {
        r->passed++;
        return 0;
    }
    if (w->record.more_fields || w->record.nfields + 3 > KAFKA_FIELDS_MAX) {
        say_failure(r, w->record.partition, w->record.offset, "it has too many headers");
        return 0;
    }
    if (targets_check(r->targets, topic, e) < 0)
        return -1;
    r->begun++;
    if (r->o->yes)
        return send_letter(r, topic, e);
    if (walk_print(w, topic, e) < 0)
        return -1;
    return r->begun % FLUSH_FEW == 0 ? dlq_flush(e) : 0;
}

/* 0: the end, or the limit; 128 + signal; -1. */
static int replay_letters(struct replay *r, struct err *e)
{
    struct walk *w = &r->walk;
    int rc = 0;

    while (rc == 0 && (!r->o->limit || r->begun < (uint64_t)r->o->limit)) {
        int got = walk_step(w, POLL_MS, e);

        if (got < 0 || got == WALK_END)
            return got < 0 ? -1 : 0;
        if (got == WALK_LETTER || got == WALK_FOREIGN)
            replayed_met(r->replayed, w->record.partition, w->record.offset);
        if (got == WALK_FOREIGN)
            replayed_skip(r->replayed, w->record.partition, w->record.offset);
        if (got == WALK_LETTER)
            rc = consider(r, e);
        serve(r, 0);
        if (rc == 0)
            rc = client_ended(&w->client, 0, e);
    }
    return rc;
}

/* Whatever happened before: what is under way is waited for, and what arrived is saved. */
static int finish(struct replay *r, struct err *e)
{
    bool all = targets_flush(r->targets, FLUSH_MS);

    if (replayed_save(r->replayed, FLUSH_MS, e) < 0)
        return err_wrap(e,
                        "%" PRIu64 " letters were sent, and the same command would send some of "
                        "them again",
                        r->sent);
    if (!all)
        return err_set(e, EX_TEMPFAIL,
                       "some letters are sent and not acknowledged: the same command sends them "
                       "again");
    return 0;
}

static void report(const struct replay *r)
{
    const struct walk *w = &r->walk;
    uint64_t n = r->o->yes ? r->sent : r->begun;

    if (r->o->yes)
        printf("{\"topic\":\"%s\",\"group\":\"%s\",\"replayed\":%" PRIu64 ",\"failed\":%" PRIu64
               ",\"already\":%" PRIu64 ",\"passed_over\":%" PRIu64 ",\"foreign\":%" PRIu64 "}\n",
               w->topic, r->group, r->sent, r->failed, r->already, r->passed, w->foreign);
    fprintf(stderr, "dlq replay: %s%" PRIu64 " dead letters of topic %s%s\n",
            r->o->yes ? "" : "would replay ", n, w->topic, r->o->yes ? " replayed" : "");
    if (r->already)
        fprintf(stderr, "  %" PRIu64 " were replayed before, as group %s knows\n", r->already,
                r->group);
    if (r->failed)
        fprintf(stderr, "  %" PRIu64 " could not be sent and stay\n", r->failed);
    walk_report(w);
    if (!r->o->yes && n)
        fprintf(stderr, "  nothing was sent; the same command with --yes sends them\n");
    if (!r->o->yes && !replayed_known(r->replayed))
        fprintf(stderr,
                "  group %s knows of no replay: there was none, or the broker has forgotten it "
                "(offsets.retention.minutes)\n",
                r->group);
}

static int start(struct replay *r, struct err *e)
{
    struct walk *w = &r->walk;
    CLEANUP_FREE int64_t *starts = NULL;
    struct targets_setup ts = {.config = w->client.config,
                               .dead_topic = w->topic,
                               .fatal = &w->client.fatal,
                               .arg = r,
                               .settled = settled};
    struct kafka_info info;

    if (client_signals(&w->client, e) < 0 ||
        kafka_probe(w->client.config, CLIENT_TIMEOUT_MS, &info, e) < 0)
        return -1;
    r->replayed = replayed_new(w->client.config, w->topic, r->group, CLIENT_TIMEOUT_MS, e);
    if (!r->replayed)
        return -1;
    r->targets = targets_new(&ts);
    if (r->o->to && targets_check(r->targets, r->o->to, e) < 0)
        return -1;
    starts = mem_array(replayed_partitions(r->replayed), sizeof *starts);
    replayed_starts(r->replayed, starts);
    return walk_start(w, r->group, r->o->from_beginning ? NULL : starts,
                      r->o->from_beginning ? 0 : replayed_partitions(r->replayed), e);
}

static int replay(struct replay *r, struct err *e)
{
    struct err late = {0};
    int rc = start(r, e);

    if (rc < 0)
        return -1;
    r->saved_us = clock_mono_us();
    rc = replay_letters(r, e);
    if (r->o->yes && finish(r, &late) < 0 && rc >= 0) {
        *e = late;
        rc = -1;
    }
    report(r);
    if (dlq_flush(rc < 0 ? NULL : e) < 0)
        return -1;
    if (rc > 0)
        return client_stopped(rc, e);
    return rc < 0 ? -1 : r->failed ? 1 : 0;
}

static int check_options(struct replay *r, struct err *e)
{
    const struct dlq_options *o = r->o;

    r->group = o->group ? o->group : DLQ_GROUP;
    if (o->yes && o->dry_run)
        return err_set(e, EX_USAGE, "--yes and --dry-run contradict each other");
    if (!run_name_good(r->group))
        return err_set(e, EX_USAGE, "--group: letters, digits, \".\", \"_\" and \"-\"");
    if (o->run && !run_name_good(o->run))
        return err_set(e, EX_USAGE, "--run: letters, digits, \".\", \"_\" and \"-\"");
    return rate_parse(&r->rate, o->rate, e);
}

int dlq_run_replay(const void *opts, int nargs, char *const *args, struct err *e)
{
    struct replay *r = mem_alloc(sizeof *r);
    int rc = 0;

    r->o = opts;
    rc = walk_open(&r->walk, r->o, nargs, args, e);
    if (rc == 0)
        rc = check_options(r, e);
    if (rc == 0)
        rc = replay(r, e);
    targets_free(r->targets);
    replayed_free(r->replayed);
    walk_close(&r->walk);
    free(r);
    return rc;
}
