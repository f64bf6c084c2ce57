/*
 * watch: the admin port of a worker: keeps the newest snapshot, makes pages of it, and passes on what a person
 * asks for (drain, pause, resume). The main thread fills and shows snapshots; pages are made on the admin thread;
 * no other thread has to do with it, except that any may ask whether intake is paused.
 *
 * All functions take a NULL watch: a worker without an admin port.
 */
#ifndef SLUICE_CMD_ADMIN_WATCH_H
#define SLUICE_CMD_ADMIN_WATCH_H

#include "cmd/admin/snapshot.h"
#include "io/admin.h"

#define WATCH_FRESH_MS 150 /* so old a snapshot must be before another one is taken */

struct watch;

extern const struct admin_page
    watch_pages[]; /* of the admin port, with the manual's words about them */

/* Listens where observability.listen says, or at `otherwise` where that is empty. Both empty: *ret is NULL. Until
 * the first snapshot the worker is starting. The configuration must outlive it. */
int watch_open(struct watch **ret, const struct config *c, const char *otherwise, struct err *e);
struct watch *watch_close(struct watch *w);

/* An empty snapshot to be filled, when another one is due, else NULL. Then watch_show(). */
struct snapshot *watch_begin(struct watch *w, int64_t now_us, bool at_once);
void watch_show(struct watch *w);

bool watch_is_paused(const struct watch *w); /* any thread */
bool watch_wants_drain(const struct watch *w);
uint64_t
watch_stopped(const struct watch *w); /* rows of model_list that are to be stopped, a bit each */
int watch_fd(const struct watch *w);  /* an eventfd, written to when one of these changes; -1 */
uint16_t watch_port(const struct watch *w);

#endif
