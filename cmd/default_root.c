/* default_root: see default_root.h. */
#include "cmd/default_root.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

int default_root(const char *name, char *out, size_t cap, struct err *e)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int n = -1;

    if (cache && cache[0] == '/')
        n = snprintf(out, cap, "%s/sluice/%s", cache, name);
    else if (home && home[0] == '/')
        n = snprintf(out, cap, "%s/.cache/sluice/%s", home, name);
    if (n < 0 || (size_t)n >= cap)
        return err_set(e, EX_CONFIG,
                       "no place for the store: set cache.path or --store DIR (HOME is not set)");
    return 0;
}
