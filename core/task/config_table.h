/*
 * config_table: one row for each configuration key. The reader, the printer, the man page, the sample
 * file and the destructor are all driven by these rows, so they cannot disagree.
 *
 * To add a key: a field in struct config or struct model (config.h) and a row in config_table.c or
 * config_model_table.c. Nothing else.
 *
 * Private to core/task/config*.c.
 */
#ifndef SLUICE_TASK_CONFIG_TABLE_H
#define SLUICE_TASK_CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "task/config.h"

/* Units of min and max. */
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define KB     INT64_C(1024)
#define MB     (1024 * KB)
#define GB     (1024 * MB)
#define TB     (1024 * GB)

enum conf_type {
    CONF_STR,        /* char * */
    CONF_SECRET,     /* char *, wiped and never printed */
    CONF_ENUM,       /* char *, one of `choices` */
    CONF_INT,        /* int64_t */
    CONF_NUM,        /* double; -1 (not known) when there is no default */
    CONF_BOOL,       /* bool */
    CONF_DURATION,   /* int64_t milliseconds */
    CONF_SIZE,       /* int64_t bytes */
    CONF_LIST,       /* struct string_list; a scalar is split at commas */
    CONF_PROPERTIES, /* struct property_list, name: value */
    CONF_JSON,       /* char *, JSON object text, written as a YAML map or as JSON */
    CONF_REGION,     /* char *; of a list or a map of weights, each entry makes a row of its own */
    CONF_ROUTE,      /* "provider/upstream" into struct model; offset is not used */
    CONF_FALLBACKS,  /* struct fallback_list, [{from: [to, ...]}] */
    CONF_KAFKA,      /* the three property lists of struct config; offset is not used */
    CONF_TENANTS,    /* config.tenants; below each name the rows of conf_tenant_rows */
    CONF_MODELS,     /* config.models; each element has the rows of conf_model_rows */
};

enum { CONF_MASKED = 1 }; /* values of this row are secrets (beside CONF_SECRET) */

struct conf_row {
    const char *path; /* "pool.workers"; NULL ends the table */
    enum conf_type type;
    unsigned flags;
    size_t offset;        /* of the field, see enum conf_type */
    int64_t min, max;     /* numbers, in units of the field; both 0: not bounded */
    const char *fallback; /* default as typed in the file; NULL: none (NULL, 0, false or empty) */
    const char *const *choices;
    const char *example; /* YAML lines below the key for the sample file */
    const char *help;    /* one sentence without a full stop */
};

extern const struct conf_row conf_rows[];        /* of struct config */
extern const struct conf_row conf_model_rows[];  /* of struct model */
extern const struct conf_row conf_tenant_rows[]; /* of struct tenant */

/* Last part of a path: "pool.workers" gives "workers". */
const char *conf_leaf(const char *path);

/* Sets the field of this row from text. The message says what is wrong with the value, without place. */
int conf_set(const struct conf_row *row, void *base, const char *text, struct err *e);

/* Sets every row that has one to its default. Fields must be zero before. */
void conf_set_defaults(const struct conf_row *rows, void *base);

/* Frees what the rows own, wipes secrets and leaves the fields empty. */
void conf_release(const struct conf_row *rows, void *base);

void conf_list_add(struct string_list *l, const char *text, size_t n);
void conf_property_add(struct property_list *l, const char *name, const char *value, int line);
void conf_list_release(struct string_list *l);

/* Overwrites the text with zeros and frees it. */
void conf_wipe(char *text);

#endif
