/*
 * crash_log: which records were in flight when the process died, and how often. A record that kills its
 * worker (a bug that it sets off, an answer that takes all memory) would come back for ever: the log is what
 * ends that.
 *
 * The log is a file in the slot's directory, mapped shared: a mark is a store to memory, and the kernel keeps
 * it when the process is killed. It is never synced, so a power failure may lose marks, and with them only
 * counts. Its place on the disk is taken when it is opened; on a file system that writes every block anew
 * (btrfs, zfs) a full disk may still end the process with SIGBUS.
 *
 * Who else was in flight is under suspicion, too. So that one bad record does not take innocent ones along,
 * records that were there at several crashes are let in in ever smaller groups, and one that was there at
 * all but one of them is tried alone: crash_log_may_begin().
 *
 * One thread (the intake), except crash_log_forgive(). NULL as the log is fine everywhere: nothing is logged.
 * Knows no Kafka; the key is any bytes that name a record.
 */
#ifndef SLUICE_IO_KAFKA_CRASH_LOG_H
#define SLUICE_IO_KAFKA_CRASH_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CRASH_LOG_DAYS 7 /* a record that was not seen again for so long is forgotten */

struct crash_log;

struct crash_log_setup {
    const char
        *path; /* of the file; made when it is not there, begun anew when it is not one of ours */
    size_t
        max_marks; /* records in flight at the same time (pool.max_in_flight); more are not marked */
    unsigned limit; /* crashes at which a record is given up (pool.poison_crashes), > 0 */
    int64_t now_wall_ms;
};

/* Whatever is marked as in flight was so at one crash more, unless the last end was forgiven. NULL: the
 * file cannot be made. */
struct crash_log *crash_log_open(const struct crash_log_setup *setup, struct err *e);

/* How many records are remembered that were in flight at a crash. */
size_t crash_log_suspects(const struct crash_log *l);

/* False: the record has to wait, because as many as may be risked together that were in flight at as many
 * crashes are in flight now. Ask again when one of them has ended. */
bool crash_log_may_begin(const struct crash_log *l, const uint8_t *key, size_t len,
                         const uint8_t fingerprint[16]);

/* The record is in flight from now on. Gives the number of crashes at which it was so before, and a mark for
 * crash_log_end(); the mark is 0 when there is no room for one or the record is in flight already. */
unsigned crash_log_begin(struct crash_log *l, const uint8_t *key, size_t len,
                         const uint8_t fingerprint[16], uint64_t *ret_mark);

/* It is settled or given back: nothing is remembered of it. Sets *mark to 0; 0 is a no-op. */
void crash_log_end(struct crash_log *l, uint64_t *mark);

/* The end that comes now is wanted, however it comes: it counts for no record, and all counts are dropped.
 * For the first signal and for an orderly stop. Any thread; safe in a signal handler. */
void crash_log_forgive(struct crash_log *l);

/* Unmaps the file. What is marked counts at the next opening, unless it was forgiven. Returns NULL. */
struct crash_log *crash_log_close(struct crash_log *l);

#endif
