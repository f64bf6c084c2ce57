/*
 * index: which ids a job has and which of its rows are done, in 12 bytes a row while it is built and one bit
 * a row afterwards. Pure.
 *
 * Ids are kept as 64-bit hashes. Two rows with the same hash are suspects: the caller reads them again and
 * compares the ids themselves, so that the answer is exact. When no two rows of a job share a hash, looking
 * up an id by its hash is exact for ids of the job.
 */
#ifndef SLUICE_CMD_BATCH_INDEX_H
#define SLUICE_CMD_BATCH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index;

#define INDEX_ROWS_MAX UINT32_MAX

struct index *index_new(void);
struct index *index_free(struct index *x);

uint64_t index_hash(const char *id, size_t len);
int index_add(struct index *x, uint64_t hash); /* the next row; -1: over INDEX_ROWS_MAX rows */
void index_seal(struct index *x);              /* after the last row: sorts */
uint32_t index_rows(const struct index *x);

/* Calls fn(arg, row, row of the same hash before it) for each suspect pair. Only after index_seal(). */
void index_suspects(const struct index *x, void (*fn)(void *arg, uint32_t row, uint32_t earlier),
                    void *arg);

/* Row of an id, or -1. Only between index_seal() and index_forget_ids(). */
int64_t index_find(const struct index *x, uint64_t hash);
void index_forget_ids(struct index *x); /* frees the hashes; the done bits stay */

bool index_is_done(const struct index *x, uint32_t row);
bool index_set_done(struct index *x, uint32_t row); /* false: it was done already */
uint32_t index_done(const struct index *x);         /* how many */
/* The row is no part of this run: it is done, and counts neither as done nor as wanted. */
void index_leave_out(struct index *x, uint32_t row);
uint32_t index_wanted(const struct index *x); /* rows that are not left out */

/*
 * A digest over all rows in order, so that a later run can tell whether it is about the same requests. It is a
 * chain (digest = SHA-256(digest, record)), so that rows may have been appended since: index_watch() before the
 * first row asks for the digest as it is after the first n rows. Texts are 64 hex digits.
 */
#define INDEX_DIGEST_TEXT 65
void index_watch(struct index *x, uint32_t rows);
void index_digest_add(struct index *x, const void *record, size_t len);
void index_digest(const struct index *x, char out[INDEX_DIGEST_TEXT]);
/* "" when the job has fewer rows. */
void index_digest_watched(const struct index *x, char out[INDEX_DIGEST_TEXT]);

#endif
