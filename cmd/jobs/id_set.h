/*
 * id_set: which ids were seen, by their 64-bit hashes, for a reader that does not know the ids beforehand. At
 * most 16 bytes an id. Pure.
 *
 * `enqueue` refuses a file in which two ids have the same hash, so that within a run the answer is exact.
 */
#ifndef SLUICE_CMD_JOBS_ID_SET_H
#define SLUICE_CMD_JOBS_ID_SET_H

#include <stdbool.h>
#include <stdint.h>

#define ID_SET_MAX UINT32_MAX

struct id_set;

struct id_set *id_set_new(void);
struct id_set *id_set_free(struct id_set *s);

/* 1: new; 0: it was there; -1: ID_SET_MAX ids are there already. */
int id_set_add(struct id_set *s, uint64_t hash);
uint64_t id_set_count(const struct id_set *s);
uint64_t id_set_bytes(const struct id_set *s); /* memory of the tables */

#endif
