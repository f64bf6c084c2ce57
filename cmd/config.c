/*
 * config: from the options that most commands share to a resolved configuration. The one place that knows
 * ./sluice.yaml, the environment of the process and the tables of providers.
 */
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/command.h"
#include "providers/providers.h"

int command_config(const struct config_options *o, struct config **ret, struct err *e)
{
    static const char usual[] = "sluice.yaml";
    const char *path = o->config;
    struct config *c = NULL;
    struct err why = {0};

    if (!path && access(usual, F_OK) == 0)
        path = usual;
    if (config_load(path, environ, o->set.at, o->set.count, &c, &why) < 0 ||
        config_resolve(c, providers, vendors, environ, &why) < 0) {
        config_free(c);
        err_set(e, why.code, "%s", why.msg);
        return why.code ? why.code : EX_CONFIG;
    }
    /* The table of the configuration knows no other names. */
    log_setup((enum log_level)log_level_named(c->observability.log_level),
              strcmp(c->observability.log_format, "json") == 0);
    *ret = c;
    return 0;
}
