/*
 * err: what went wrong, in words for a person, wrapped with context on its way up.
 *
 * Results of functions in this project: 0 is good, a negative number is fatal for the operation and
 * is passed up unchanged, a positive number is a named outcome (an enum in the header) which the
 * caller must handle. A function whose failure a person will read takes a struct err as its last
 * parameter, which may be NULL.
 *
 * An err holds no resources: declare it as `struct err e = {0};` and forget it.
 */
#ifndef SLUICE_BASE_ERR_H
#define SLUICE_BASE_ERR_H

#define ERR_MSG_MAX 512

struct err {
    int code; /* exit code of sysexits.h that a command should end with; 0: not chosen */
    char msg[ERR_MSG_MAX]; /* one line, no newline at the end, cut when it is too long */
};

/* Sets message and code and returns -1, so that `return err_set(e, EX_CONFIG, "...")` reads well. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message, keeps the code, returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
