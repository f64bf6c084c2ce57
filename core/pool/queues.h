/*
 * queues: the tasks that wait in the admission, and whose turn it is. Private to core/pool; under the admission's
 * lock. It knows neither limits nor money: whether the task whose turn it is can go is the admission's to find out.
 *
 * Who goes first where several want the same route:
 *  1. the higher topics.priority;
 *  2. then tenants by weight (policy/turns), separately for each model that is asked for. The requests of two models
 *     that meet at one route take turns there;
 *  3. then, among the tasks of one tenant, the higher priority of the request;
 *  4. then who came first.
 * Nobody starves: of LATE_AFTER + 1 tasks that leave, one is of those that a higher priority keeps waiting.
 *
 * Tasks that the same routes can serve, for the same model and topic priority, form a lane, with a seat for each
 * tenant. When the first task of a lane cannot go, those behind it cannot either, so that a look costs what the
 * lanes are, not the tasks that wait in them; whose turn it is in a lane is found in a heap of its seats.
 */
#ifndef SLUICE_POOL_QUEUES_H
#define SLUICE_POOL_QUEUES_H

#include "task/config.h"
#include "task/task.h"

#define LATE_AFTER 15

struct queues;

struct queues *queues_new(const struct config *c);
struct queues *queues_free(struct queues *q); /* no task waits any more */

/* t waits from now on. t->usable_routes, t->account and t->reserved_tokens are known. */
void queues_push(struct queues *q, struct task *t);

/* t waits no longer. */
void queues_remove(struct queues *q, struct task *t);

/* A look at all that wait begins: nothing is known of what anybody lacks. */
void queues_look(struct queues *q);

/* The task whose turn it is, among those that some route outside of `blocked` may serve; NULL: there is none, or
 * all of them were put off. It stays where it is. */
struct task *queues_next(struct queues *q, uint64_t blocked);

/* It cannot go in this look: neither can the rest of its lane. */
void queues_put_off(struct queues *q, struct task *t);

/* Its tenant's money lacks: its seat is left out until the next look, and claims nothing. */
void queues_leave_out(struct queues *q, struct task *t);

/* It goes on t->route, and its tenant has had its turn; it is to be removed. */
void queues_had_turn(struct queues *q, struct task *t);

/* A task goes on t->route that has not waited: those of a lower topic priority that could have had it are late by
 * one more. */
void queues_passed(struct queues *q, const struct task *t);

/* Routes that a newcomer of this topic priority may not take, because others wait for them. */
uint64_t queues_claims(const struct queues *q, int topic_priority);

/* Is t, which is not in yet, to stand behind one that is left out? */
bool queues_is_behind(const struct queues *q, const struct task *t);

/* Is t the one of its lane whose turn it is, or the first of its tenant and priority? */
bool queues_is_first(struct queues *q, const struct task *t);
bool queues_is_front(const struct queues *q, const struct task *t);

/* Is t the first of a seat that was left out for another one, which it goes before? */
bool queues_leads_left_out(const struct queues *q, const struct task *t);

/* Calls fn for each task that no route outside of `routes` can serve; of one tenant those of a lower priority and the
 * oldest first. fn may remove the task that it was called for. */
void queues_walk(struct queues *q, uint64_t routes, void *arg,
                 void (*fn)(void *arg, struct task *t));

/* How many wait that no route outside of `off` can serve. */
int64_t queues_stranded(const struct queues *q, uint64_t off);

/* How many wait behind a first one that was left out for money that is used up (BUDGET_OUT). */
int64_t queues_without_money(const struct queues *q);

#endif
