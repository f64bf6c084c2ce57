/*
 * cache: what the files of `sluice cache` share: its options, and finding and opening the store it
 * works on.
 */
#ifndef SLUICE_CMD_CACHE_CACHE_H
#define SLUICE_CMD_CACHE_CACHE_H

#include <sysexits.h>

#include "cmd/command.h"
#include "io/store.h"

#define CACHE_SOME_BAD 1 /* exit code: the command ran, but not everything was good */

struct cache_options {
    struct config_options config;
    const char *path;
    int64_t slot;
    bool json, expired, all;
    const char *model;
    int64_t limit;
};

/* What a command works on. */
struct place {
    struct config *config;
    const char *root; /* cache.path, or --path */
    int slot;
    char path[600]; /* of the slot */
};

/* 0 or an exit code. may_be_new: the store need not be there yet. */
int cache_place_find(struct place *p, const struct cache_options *o, bool may_be_new,
                     struct err *e);
void cache_place_done(struct place *p);

/* 0 or an exit code; then *ret is open for reading, beside a worker or not. */
int cache_open(struct place *p, const struct cache_options *o, struct store **ret, struct err *e);

int cache_exit_code(const struct err *e);
int cache_flush_output(struct err *e); /* 0 or an exit code */

/* For CLEANUP(). */
void cache_store_cleanup(struct store **s);
void cache_completion_cleanup(struct completion **c);

/* struct command.run of each sub-command. */
int cache_run_stat(const void *opts, int nargs, char *const *args, struct err *e);
int cache_run_get(const void *opts, int nargs, char *const *args, struct err *e);
int cache_run_ls(const void *opts, int nargs, char *const *args, struct err *e);
int cache_run_export(const void *opts, int nargs, char *const *args, struct err *e);
int cache_run_verify(const void *opts, int nargs, char *const *args, struct err *e);
int cache_run_rm(const void *opts, int nargs, char *const *args, struct err *e);
int cache_run_import(const void *opts, int nargs, char *const *args, struct err *e);

#endif
