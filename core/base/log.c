/* log: writes lines to stderr. It must not allocate, block on anything but stderr, or exit. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define LINE_MAX_BYTES     2048
#define REPEAT_SLOTS       64
#define REPEATS_PER_SECOND 10

struct repeat {
    const char *event; /* compared as a pointer: events are string literals */
    int64_t second;
    unsigned count;
    unsigned suppressed;
};

static struct {
    pthread_mutex_t lock;
    enum log_level least;
    bool json;
    struct repeat repeats[REPEAT_SLOTS];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .least = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level least, bool json)
{
    log_set_level(least);
    pthread_mutex_lock(&state.lock);
    state.json = json;
    pthread_mutex_unlock(&state.lock);
}

void log_set_level(enum log_level least)
{
    __atomic_store_n(&state.least, least, __ATOMIC_RELAXED);
}

enum log_level log_level(void)
{
    return __atomic_load_n(&state.least, __ATOMIC_RELAXED);
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

int log_level_named(const char *name)
{
    int i = 0;

    for (i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (strcmp(level_names[i], name) == 0)
            return i;
    }
    return -1;
}

bool log_wants(enum log_level level)
{
    return level >= log_level();
}

/* Nothing to quote, and nothing that may be a control character: those of U+0080 to U+009F begin with 0xc2, marks that
 * turn the direction with 0xe2. */
static bool is_bare(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (*p <= 0x20 || strchr("\"=\\\x7f\xc2\xe2", *p))
            return false;
    }
    return true;
}

const char *log_quote(const char *value, char *out, unsigned cap)
{
    unsigned n = 0;
    const char *p = NULL;

    if (!value || !*value)
        return "\"\"";
    if (is_bare(value))
        return value;
    out[n++] = '"';
    for (p = value; *p && n + 4 < cap; p++) {
        if (*p == '"' || *p == '\\')
            out[n++] = '\\';
        out[n++] = (unsigned char)*p < 0x20 ? ' ' : *p;
    }
    out[n++] = '"';
    out[n] = '\0';
    return utf8_plain(out);
}

/* True when this event may be written now; how many were left out before it goes to *ret_left_out. */
static bool allowed(const char *event, int64_t second, unsigned *ret_left_out)
{
    struct repeat *r = &state.repeats[((size_t)event >> 4) % REPEAT_SLOTS];

    *ret_left_out = 0;
    if (r->event != event || r->second != second) {
        *ret_left_out = r->event == event ? r->suppressed : 0;
        *r = (struct repeat){.event = event, .second = second, .count = 1};
        return true;
    }
    if (++r->count <= REPEATS_PER_SECOND)
        return true;
    r->suppressed++;
    return false;
}

/* Copies the logfmt fields as one JSON string member; control bytes become spaces. */
static size_t json_fields(char *line, size_t n, const char *fields)
{
    const char *p = NULL;

    n += (size_t)snprintf(line + n, LINE_MAX_BYTES - n, ",\"fields\":\"");
    for (p = fields; *p && n + 8 < LINE_MAX_BYTES; p++) {
        if (*p == '"' || *p == '\\')
            line[n++] = '\\';
        line[n++] = (unsigned char)*p < 0x20 ? ' ' : *p;
    }
    line[n++] = '"';
    line[n++] = '}';
    return n;
}

static void emit(enum log_level level, const char *event, const char *fields, unsigned left_out)
{
    char line[LINE_MAX_BYTES + 16];
    char stamp[32];
    size_t n = 0;

    clock_format_rfc3339(clock_wall_ms(), stamp, sizeof stamp);
    if (state.json) {
        n = (size_t)snprintf(line, LINE_MAX_BYTES,
                             "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\",\"suppressed\":%u",
                             stamp, level_names[level], event, left_out);
        n = json_fields(line, n, fields);
    } else {
        n = (size_t)snprintf(line, LINE_MAX_BYTES, "%s %-5s %s %s", stamp, level_names[level],
                             event, fields);
        if (n >= LINE_MAX_BYTES)
            n = LINE_MAX_BYTES - 1;
        if (left_out)
            n += (size_t)snprintf(line + n, sizeof line - n, " suppressed=%u", left_out);
    }
    if (n >= sizeof line)
        n = sizeof line - 1;
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0)
        return; /* nowhere left to say it */
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    char fields[LINE_MAX_BYTES - 256];
    unsigned left_out = 0;
    va_list ap;

    if (!log_wants(level))
        return;
    va_start(ap, fmt);
    vsnprintf(fields, sizeof fields, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&state.lock);
    if (allowed(event, clock_mono_us() / 1000000, &left_out))
        emit(level, event, fields, left_out);
    pthread_mutex_unlock(&state.lock);
}
