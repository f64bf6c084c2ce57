/*
 * flight: single flight over the whole process. The first task with a key leads and makes the call; those
 * that come while it runs wait as twins and are released by its end.
 *
 * Thread-safe: one lock, held for a few list operations, never while another is held.
 */
#ifndef SLUICE_POOL_FLIGHT_H
#define SLUICE_POOL_FLIGHT_H

#include "task/task.h"

struct flights;

struct flights *flights_new(size_t expected); /* about how many flights at once */
struct flights *flights_free(struct flights *fs);

enum flight_result { FLIGHT_LEADS = 0, FLIGHT_FOLLOWS = 1 };

/* FLIGHT_LEADS: t->flight is set, t is still the caller's. FLIGHT_FOLLOWS: t is now TASK_TWIN and no
 * longer the caller's. */
int flight_join(struct flights *fs, const uint8_t key[SHA256_LEN], struct task *t);

/* The leader has ended: its twins become TASK_INBOX and are appended to *ret, which is initialised. No-op
 * with an empty list when t leads nothing. */
void flight_close(struct flights *fs, struct task *t, struct list_node *ret);

/* Takes t out when it is still a twin (its deadline has come): it is TASK_RUNNING and the caller's again. */
bool flight_leave(struct flights *fs, struct task *t);

int64_t flights_twins(const struct flights *fs); /* tasks that follow; any thread, no lock */

#endif
