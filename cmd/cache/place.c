/* place: which store `sluice cache` works on, and opening it for reading. It never creates
 * anything. */
#include "cmd/cache/cache.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void cache_place_done(struct place *p)
{
    config_free(p->config);
}

void cache_store_cleanup(struct store **s)
{
    store_free(*s);
}

void cache_completion_cleanup(struct completion **c)
{
    completion_unref(*c);
}

/* The number of slot directories; *ret_slot is one of them. */
static int count_slots(const char *root, int *ret_slot)
{
    DIR *d = opendir(root);
    int n = 0;

    for (struct dirent *f; d && (f = readdir(d));) {
        int slot, end = 0;

        if (sscanf(f->d_name, "slot-%d%n", &slot, &end) != 1 || f->d_name[end])
            continue;
        *ret_slot = slot;
        n++;
    }
    if (d)
        closedir(d);
    return n;
}

int cache_place_find(struct place *p, const struct cache_options *o, bool may_be_new, struct err *e)
{
    int r = command_config(&o->config, &p->config, e);
    int n;

    if (r != 0)
        return r;
    p->root = o->path ? o->path : p->config->cache.path;
    p->slot = (int)o->slot;
    if (o->slot < 0) {
        p->slot = 0;
        n = count_slots(p->root, &p->slot);
        if (n > 1)
            return err_set(e, EX_USAGE, "%s holds %d slots: choose one with --slot", p->root, n),
                   EX_USAGE;
    }
    snprintf(p->path, sizeof p->path, "%s/slot-%d", p->root, p->slot);
    if (may_be_new || access(p->path, F_OK) == 0)
        return 0;
    err_set(e, EX_NOINPUT, "there is no store at %s; check cache.path, --path and --slot", p->path);
    return EX_NOINPUT;
}

int cache_exit_code(const struct err *e)
{
    return e->code ? e->code : EX_SOFTWARE;
}

int cache_open(struct place *p, const struct cache_options *o, struct store **ret, struct err *e)
{
    int r = cache_place_find(p, o, false, e);

    if (r != 0)
        return r;
    *ret = store_open_readonly(p->path, p->config, e);
    return *ret ? 0 : cache_exit_code(e);
}

int cache_flush_output(struct err *e)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    err_set(e, EX_IOERR, "cannot write to standard output: %s", strerror(errno));
    return EX_IOERR;
}
