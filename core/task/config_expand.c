/*
 * config_expand: variables in values. The environment is an argument, so that a test has its own. A
 * message names the variable and never shows a value.
 */
#include "task/config_apply.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define VALUE_MAX ((size_t)1 << 16) /* bytes of a value after expansion */

static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

const char *conf_env(char *const *envp, const char *name, size_t n)
{
    for (; envp && *envp; envp++) {
        if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
            return *envp + n + 1;
    }
    return NULL;
}

static int unset(const struct apply *a, const struct conf_node *n, const char *name, size_t len)
{
    return conf_node_err(n, a->e, "the environment variable %.*s is not set; set it%s", (int)len,
                         name, *n->text == '$' ? ", or write ${NAME:-default}" : "");
}

/* One ${...} at *text, which is moved behind it. */
static int expand_one(const struct apply *a, const struct conf_node *n, const char **text,
                      struct buf *out)
{
    const char *name = *text + 2;
    size_t len = strspn(name, name_bytes);
    const char *rest = name + len;
    const char *end = strchr(rest, '}');
    const char *value = NULL;

    if (len == 0 || !end || (*rest != '}' && strncmp(rest, ":-", 2) != 0))
        return conf_node_err(n, a->e,
                             "write a variable as ${NAME} or ${NAME:-default}, and $${ for a "
                             "plain ${");
    value = conf_env(a->envp, name, len);
    *text = end + 1;
    if (*rest == ':' && (!value || !*value))
        return buf_append(out, rest + 2, (size_t)(end - rest - 2));
    if (!value)
        return unset(a, n, name, len);
    return buf_str(out, value);
}

static int expand_all(const struct apply *a, const struct conf_node *n, struct buf *out)
{
    const char *p = n->text;

    while (*p) {
        size_t plain = strcspn(p, "$");

        buf_append(out, p, plain);
        p += plain;
        if (strncmp(p, "$${", 3) == 0) {
            buf_str(out, "${");
            p += 3;
        } else if (strncmp(p, "${", 2) == 0) {
            if (expand_one(a, n, &p, out) < 0 && !out->over)
                return -1;
        } else if (*p) {
            buf_char(out, *p++);
        }
    }
    if (out->over)
        return conf_node_err(n, a->e, "the value is longer than %zu bytes", VALUE_MAX);
    return 0;
}

int conf_expand(const struct apply *a, const struct conf_node *n, char **ret)
{
    static const char prefix[] = "os.environ/";
    struct buf out = BUF_INIT(VALUE_MAX);
    const char *name = n->text + sizeof prefix - 1;

    if (strncmp(n->text, prefix, sizeof prefix - 1) == 0) {
        const char *value = conf_env(a->envp, name, strlen(name));

        if (!value)
            return unset(a, n, name, strlen(name));
        *ret = mem_strdup(value);
        return 0;
    }
    if (expand_all(a, n, &out) < 0) {
        conf_wipe(buf_steal(&out, NULL));
        return -1;
    }
    *ret = buf_steal(&out, NULL);
    return 0;
}
