/*
 * config_apply: from the tree of a file to the struct. Private to core/task/config*.c.
 */
#ifndef SLUICE_TASK_CONFIG_APPLY_H
#define SLUICE_TASK_CONFIG_APPLY_H

#include "task/config.h"
#include "task/config_table.h"
#include "task/config_tree.h"

struct apply {
    struct config *c;
    char *const *envp;              /* for ${NAME}; may be NULL */
    const struct conf_node *models; /* model_list, which is applied last */
    size_t region;                  /* which entry of aws_region_name the row at hand is for */
    double region_weight;           /* what that entry says, 1 when it says nothing */
    struct err *e;
};

/* Sets the fields of a->c that the tree names. */
int conf_apply(struct apply *a, const struct conf_node *root);

/*
 * The value of a scalar with ${NAME}, ${NAME:-default} and os.environ/NAME replaced; $${ stands for ${.
 * To be freed (conf_wipe: it may be a secret). An unset variable is an error.
 */
int conf_expand(const struct apply *a, const struct conf_node *n, char **ret);

/* The variable whose name is the n bytes at name, or NULL. */
const char *conf_env(char *const *envp, const char *name, size_t n);

/* The rows whose values are no plain text. */
int conf_apply_list(const struct apply *a, const struct conf_node *n, const char *path,
                    struct string_list *l);
int conf_apply_properties(const struct apply *a, const struct conf_node *n, const char *path,
                          struct property_list *l);
int conf_apply_json(const struct apply *a, const struct conf_node *n, const char *path,
                    char **field);
int conf_apply_fallbacks(const struct apply *a, const struct conf_node *n, const char *path,
                         struct fallback_list *l);

/* How many rows a row of model_list stands for: one for each of its regions, at least one. */
size_t conf_region_count(const struct conf_node *row);
/* Entry a->region of a list or map of regions; its weight to a->region_weight. */
int conf_apply_region(struct apply *a, const struct conf_node *n, const char *path, char **field);
int conf_apply_kafka(const struct apply *a, const struct conf_node *n);

#endif
