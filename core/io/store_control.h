/*
 * store_control: how another process changes a store that a worker has open.
 *
 * The worker listens on the unix-domain socket `control` in its slot's directory (only its owner
 * may connect). One JSON object a line in, one a line back, any number of them a connection:
 *   {"op":"rm","key":"<64 hex>"}  {"op":"rm","model":"fast"}
 *   {"op":"rm","expired":true}    {"op":"rm","all":true}
 *   {"op":"import","completion":{...}}   the object is a line of `sluice cache export`
 * Answers: {"ok":true,"count":3} or {"ok":false,"error":"..."}.
 */
#ifndef SLUICE_IO_STORE_CONTROL_H
#define SLUICE_IO_STORE_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct store;

/* A worker works without its socket, so what goes wrong here is only logged. */
void store_control_start(struct store *s);
void store_control_stop(struct store *s);

/* Does what a request line says, and writes the answer line (without newline) to out. Blocking; any
 * thread. For a command that has the store open itself. */
void store_control_do(struct store *s, const char *line, size_t len, int64_t now_wall_ms,
                      struct buf *out);

/* The other end. */
struct control_client;

/* NULL with e: no worker listens there. */
struct control_client *control_connect(const char *slot_path, struct err *e);
struct control_client *control_close(struct control_client *c);

/* One request and its answer. *ret_count: values touched. -1: the answer was an error, or none
 * came. */
int control_call(struct control_client *c, const char *line, size_t len, uint64_t *ret_count,
                 struct err *e);

/* Reads an answer line, however it was got. */
int control_answer(const char *line, size_t len, uint64_t *ret_count, struct err *e);

#endif
