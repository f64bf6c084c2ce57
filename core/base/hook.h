/*
 * hook: places at which a test may stop the process, to look at what survives its death there. In the
 * product hook_reached() does nothing; a test links another one in its stead (tests/hooks).
 *
 * Places, in the order in which an outcome passes them: "stored" (durable in the store, not yet with the
 * sink), "produced" (all records of a transaction are with the client), "offsets" (the transaction has its
 * offsets), "committed" (the broker has said so, nobody else knows).
 */
#ifndef SLUICE_BASE_HOOK_H
#define SLUICE_BASE_HOOK_H

void hook_reached(const char *place); /* any thread */

#endif
