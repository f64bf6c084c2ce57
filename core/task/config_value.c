/*
 * config_value: text to numbers, durations and sizes, and text to the field of a row. It knows types and
 * ranges, not files: where the text stood is added by the caller. Messages never show a secret.
 */
#include "task/config_table.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/mem.h"

#define SHOWN_MAX 60 /* bytes of a wrong value that a message repeats */

struct unit {
    const char *name;
    double factor;
};

static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}, {"w", 604800e3}, {NULL, 0},
};

static const struct unit size_units[] = {
    {"b", 1},
    {"k", 1024.0},
    {"kb", 1024.0},
    {"kib", 1024.0},
    {"m", 1048576.0},
    {"mb", 1048576.0},
    {"mib", 1048576.0},
    {"g", 1073741824.0},
    {"gb", 1073741824.0},
    {"gib", 1073741824.0},
    {"t", 1099511627776.0},
    {"tb", 1099511627776.0},
    {"tib", 1099511627776.0},
    {NULL, 0},
};

/* The unit at *text, which is moved behind it; fallback when there is none; 0: unknown. */
static double take_unit(const char **text, const struct unit *units, double fallback)
{
    size_t n = strspn(*text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    const struct unit *u = NULL;

    if (n == 0)
        return fallback;
    for (u = units; u->name; u++) {
        if (strlen(u->name) == n && strncasecmp(u->name, *text, n) == 0) {
            *text += n;
            return u->factor;
        }
    }
    return 0;
}

/* An unsigned decimal number, such as 12 or 1.5, at *text, which is moved behind it. */
static int take_number(const char **text, double *ret)
{
    size_t n = strspn(*text, "0123456789.");
    char *end = NULL;

    if (n == 0 || **text == '.')
        return -1;
    *ret = strtod(*text, &end);
    if (end != *text + n)
        return -1;
    *text = end;
    return 0;
}

int config_duration(const char *text, int64_t *ret_ms)
{
    double sum = 0;
    int parts = 0;

    for (parts = 0; *text; parts++) {
        double number = 0;
        double factor = 0;

        if (take_number(&text, &number) < 0)
            return -1;
        factor = take_unit(&text, time_units, parts == 0 && !*text ? 1e3 : 0);
        if (factor == 0)
            return -1;
        sum += number * factor;
    }
    if (parts == 0 || sum > 9e15)
        return -1;
    *ret_ms = (int64_t)llround(sum);
    return 0;
}

int config_size(const char *text, int64_t *ret_bytes)
{
    double number = 0;
    double factor = 0;

    if (take_number(&text, &number) < 0)
        return -1;
    factor = take_unit(&text, size_units, 1);
    if (factor == 0 || *text || number * factor > 9e15)
        return -1;
    *ret_bytes = (int64_t)llround(number * factor);
    return 0;
}

int config_int(const char *text, int64_t *ret)
{
    const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
    long long v = 0;

    if (!*digits || digits[strspn(digits, "0123456789")])
        return -1;
    errno = 0;
    v = strtoll(text, NULL, 10);
    if (errno)
        return -1;
    *ret = v;
    return 0;
}

int config_num(const char *text, double *ret)
{
    char *end = NULL;
    double v = 0;

    if (!*text || text[strspn(text, "0123456789.eE+-")])
        return -1;
    v = strtod(text, &end);
    if (*end || !isfinite(v))
        return -1;
    *ret = v;
    return 0;
}

/* The start of a wrong value for a message; control bytes do not get through. */
static const char *shown(const struct conf_row *row, const char *text, char out[SHOWN_MAX + 4])
{
    size_t n = strnlen(text, SHOWN_MAX);
    size_t i = 0;

    if (row->type == CONF_SECRET || (row->flags & CONF_MASKED))
        return "***";
    for (i = 0; i < n; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    memcpy(out + n, text[n] ? "..." : "", text[n] ? 4 : 1);
    return out;
}

static int set_text(char **field, const char *text)
{
    conf_wipe(*field);
    *field = mem_strdup(text);
    return 0;
}

static int set_choice(const struct conf_row *row, char **field, const char *text, struct err *e)
{
    char out[SHOWN_MAX + 4];
    char known[160] = "";
    size_t used = 0;
    const char *const *c = NULL;

    for (c = row->choices; *c; c++) {
        if (strcmp(*c, text) == 0)
            return set_text(field, text);
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", *c);
    }
    return err_set(e, EX_CONFIG, "`%s` is not one of: %s", shown(row, text, out), known);
}

static int set_bool(const struct conf_row *row, bool *field, const char *text, struct err *e)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    char out[SHOWN_MAX + 4];
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *field = i & 1;
            return 0;
        }
    }
    return err_set(e, EX_CONFIG, "`%s` is neither true nor false", shown(row, text, out));
}

/* A bound in the unit that a person would type it in. */
static void format_bound(const struct conf_row *row, int64_t v, char *out, size_t cap)
{
    if (row->type == CONF_DURATION)
        snprintf(out, cap, v % 1000 ? "%lldms" : "%llds", (long long)(v % 1000 ? v : v / 1000));
    else
        snprintf(out, cap, "%lld", (long long)v);
}

static int check_range(const struct conf_row *row, double v, const char *text, struct err *e)
{
    char out[SHOWN_MAX + 4];
    char min[32];
    char max[32];

    if (row->min == 0 && row->max == 0)
        return 0;
    if (v >= (double)row->min && v <= (double)row->max)
        return 0;
    format_bound(row, row->min, min, sizeof min);
    format_bound(row, row->max, max, sizeof max);
    return err_set(e, EX_CONFIG, "`%s` is out of range, allowed are %s to %s%s",
                   shown(row, text, out), min, max, row->type == CONF_SIZE ? " bytes" : "");
}

static int set_number(const struct conf_row *row, int64_t *field, const char *text, struct err *e)
{
    char out[SHOWN_MAX + 4];
    const char *hint = "a whole number";
    int64_t v = 0;
    int bad = 0;

    if (row->type == CONF_DURATION) {
        bad = config_duration(text, &v);
        hint = "a duration such as 500ms, 30s, 5m, 2h or 7d";
    } else if (row->type == CONF_SIZE) {
        bad = config_size(text, &v);
        hint = "a size such as 65536, 64KB, 16MB or 2GB";
    } else {
        bad = config_int(text, &v);
    }
    if (bad)
        return err_set(e, EX_CONFIG, "`%s` is not %s", shown(row, text, out), hint);
    if (check_range(row, (double)v, text, e) < 0)
        return -1;
    *field = v;
    return 0;
}

static int set_num(const struct conf_row *row, double *field, const char *text, struct err *e)
{
    char out[SHOWN_MAX + 4];
    double v = 0;

    if (config_num(text, &v) < 0)
        return err_set(e, EX_CONFIG, "`%s` is not a number", shown(row, text, out));
    if (check_range(row, v, text, e) < 0)
        return -1;
    *field = v;
    return 0;
}

static int set_list(struct string_list *field, const char *text)
{
    conf_list_release(field);
    while (*text) {
        size_t n = 0;

        text += strspn(text, " ,");
        n = strcspn(text, ",");
        if (n)
            conf_list_add(field, text, n);
        text += n;
    }
    return 0;
}

static int set_route(struct model *m, const char *text, struct err *e)
{
    const char *slash = strchr(text, '/');

    if (!slash || slash == text || !slash[1])
        return err_set(e, EX_CONFIG, "write it as provider/model, such as openai/gpt-5-mini");
    free(m->provider_name);
    m->provider_name = mem_dup(text, (size_t)(slash - text));
    return set_text(&m->upstream_model, slash + 1);
}

int conf_set(const struct conf_row *row, void *base, const char *text, struct err *e)
{
    void *field = (char *)base + row->offset;

    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
    case CONF_JSON:
    case CONF_REGION:
        return set_text(field, text);
    case CONF_ENUM:
        return set_choice(row, field, text, e);
    case CONF_INT:
    case CONF_DURATION:
    case CONF_SIZE:
        return set_number(row, field, text, e);
    case CONF_NUM:
        return set_num(row, field, text, e);
    case CONF_BOOL:
        return set_bool(row, field, text, e);
    case CONF_LIST:
        return set_list(field, text);
    case CONF_ROUTE:
        return set_route(base, text, e);
    case CONF_PROPERTIES:
    case CONF_FALLBACKS:
    case CONF_KAFKA:
    case CONF_TENANTS:
    case CONF_MODELS:
        break;
    }
    return err_set(e, EX_CONFIG, "a plain value cannot stand here");
}
