/* spec: durations, sizes and key=value lists as typed by a person; see spec.h. Knows no setting. */
#include "cmd/sim/spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct unit {
    const char *name;
    double factor;
};

static int scaled(const char *text, const struct unit *units, size_t count, int64_t *ret)
{
    char *end = NULL;
    double value = 0;

    if (!text || (*text != '.' && (*text < '0' || *text > '9')))
        return -1;
    value = strtod(text, &end);
    for (size_t i = 0; i < count; i++)
        if (strcmp(end, units[i].name) == 0) {
            value *= units[i].factor;
            if (!isfinite(value) || value > 4e18)
                return -1;
            *ret = (int64_t)llround(value);
            return 0;
        }
    return -1;
}

int sim_spec_duration(const char *text, int64_t *ret_ms)
{
    static const struct unit units[] = {{"", 1e3},   {"ms", 1},    {"s", 1e3},
                                        {"m", 60e3}, {"h", 3.6e6}, {"d", 86.4e6}};

    return scaled(text, units, ARRAY_LEN(units), ret_ms);
}

int sim_spec_size(const char *text, int64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1}, {"k", 1024}, {"K", 1024}, {"M", 1048576.0}, {"G", 1073741824.0}};

    return scaled(text, units, ARRAY_LEN(units), ret_bytes);
}

int sim_spec_number(const char *text, double *ret)
{
    char *end = NULL;
    double value = 0;

    if (!text || (*text != '.' && (*text < '0' || *text > '9')))
        return -1;
    value = strtod(text, &end);
    if (*end || !isfinite(value))
        return -1;
    *ret = value;
    return 0;
}

static int copy(char *to, size_t cap, const char *from, size_t n)
{
    if (n >= cap)
        return -1;
    memcpy(to, from, n);
    to[n] = 0;
    return 0;
}

int sim_spec_next(const char **at, char *key, char *value, size_t cap)
{
    const char *piece = *at;
    size_t n = piece ? strcspn(piece, ",") : 0;
    const char *eq = n ? memchr(piece, '=', n) : NULL;
    size_t key_len = eq ? (size_t)(eq - piece) : n;

    if (!piece || !*piece)
        return 0;
    if (copy(key, cap, piece, key_len) < 0 ||
        copy(value, cap, eq ? eq + 1 : "", eq ? n - key_len - 1 : 0) < 0)
        return -1;
    *at = piece + n + (piece[n] == ',');
    return 1;
}
