/*
 * log: one event, one line, on stderr; logfmt or JSON.
 *
 * Fields are given as a printf format of logfmt pairs: log_info("pool drained", "open=%zu", n). Never
 * pass a key, a prompt or a completion. Only the engine, io/kafka and cmd log; pure code and providers
 * do not. Thread-safe: a line is one write. Repeats of the same event over 10 a second are dropped and
 * counted in a field `suppressed` of the next line.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_setup(enum log_level least, bool json);
void log_set_level(enum log_level least); /* any thread, at any time */
enum log_level log_level(void);
const char *log_level_name(enum log_level level);
int log_level_named(const char *name); /* "warn" -> LOG_WARN; -1: there is none of this name */
bool log_wants(enum log_level level);
void log_line(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A value for a logfmt field, quoted when it needs to be; the result lives in `out`. */
const char *log_quote(const char *value, char *out, unsigned cap);

#define log_debug(event, ...)                                                                      \
    do {                                                                                           \
        if (log_wants(LOG_DEBUG))                                                                  \
            log_line(LOG_DEBUG, event, __VA_ARGS__);                                               \
    } while (0)
#define log_info(event, ...)  log_line(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)

#endif
