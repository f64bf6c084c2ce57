/*
 * import_litellm: `sluice import-litellm`: a configuration of LiteLLM's proxy to stdout as ours, and on stderr what it
 * could not carry over. The work is core/task/config_litellm.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/command.h"
#include "providers/providers.h"
#include "task/config_litellm.h"

#define FILE_MAX ((size_t)4 << 20)

struct import_options {
    bool unused; /* it has no option */
};

static const struct option_row rows[] = {{.name = NULL}};

static void say(void *arg, const char *line)
{
    size_t *count = arg;
    char *plain CLEANUP_FREE = mem_strdup(line);

    *count += 1;
    fprintf(stderr, "%s\n", utf8_plain(plain));
}

static int read_file(const char *path, struct buf *text, struct err *e)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char part[65536];
    size_t n = 0;

    if (!f)
        return err_set(e, EX_NOINPUT, "cannot read %s: %s", path, strerror(errno));
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_append(text, part, n);
    if (ferror(f))
        err_set(e, EX_NOINPUT, "cannot read %s: %s", path, strerror(errno));
    else if (text->over)
        err_set(e, EX_DATAERR, "%s is larger than %zu bytes", path, FILE_MAX);
    if (f != stdin)
        fclose(f);
    return e->msg[0] ? -1 : 0;
}

/* Would a worker take it, here and now? A key that is not set yet is no fault of the file. */
static void check(const struct buf *yaml)
{
    struct config *c = NULL;
    struct err why = {0};

    if (config_parse(yaml->data, yaml->len, "the result", environ, NULL, 0, &c, &why) < 0 ||
        config_resolve(c, providers, vendors, environ, &why) < 0)
        fprintf(stderr, "a worker would not start with it yet: %s\n", utf8_plain(why.msg));
    config_free(c);
}

static int run(const void *opts, int nargs, char *const *args, struct err *e)
{
    struct buf text = BUF_INIT(FILE_MAX);
    struct buf yaml = BUF_INIT(FILE_MAX);
    size_t said = 0;
    int rc = 0;

    (void)opts;
    if (nargs != 1)
        return err_set(e, EX_USAGE,
                       "name one file: sluice import-litellm config.yaml > sluice.yaml");
    rc = read_file(args[0], &text, e);
    if (rc == 0)
        rc = config_import_litellm(text.data ? text.data : "", text.len, args[0], &yaml, say, &said,
                                   e);
    if (rc == 0 && (fwrite(yaml.data, 1, yaml.len, stdout) != yaml.len || fflush(stdout) != 0))
        rc = err_set(e, EX_IOERR, "cannot write: %s", strerror(errno));
    if (rc == 0) {
        check(&yaml);
        fprintf(stderr, "import-litellm: %zu keys were left out or changed\n", said);
    }
    buf_done(&text);
    buf_done(&yaml);
    return rc;
}

const struct command command_import_litellm = {
    .name = "import-litellm",
    .summary = "turn a configuration of LiteLLM's proxy into ours",
    .description = "Writes to stdout what has the same meaning here: models, keys, limits, prices, "
                   "fallbacks and "
                   "retries. Each key that is left out or changed is said on stderr, with its line "
                   "and what to use "
                   "instead. Keys of the form os.environ/NAME stay as they are.",
    .operands = "FILE",
    .examples = "sluice import-litellm config.yaml > sluice.yaml\n"
                "sluice check -c sluice.yaml\n",
    .options = rows,
    .options_size = sizeof(struct import_options),
    .run = run,
};
