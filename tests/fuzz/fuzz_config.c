/*
 * fuzz_config: any bytes as a configuration file. Either it is refused with a message, or what was read can
 * be printed, and what is printed can be read again to the same print.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char env_a[] = "A=one";
static char env_key[] = "OPENAI_API_KEY=k";
static char *const env[] = {env_a, env_key, NULL};

static char *print(const struct config *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    config_print(c, f);
    fclose(f);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *first = NULL;
    struct config *second = NULL;
    struct err e = {0};
    char *once = NULL;
    char *twice = NULL;

    if (config_parse((const char *)data, size, "fuzz", env, NULL, 0, &first, &e) < 0) {
        if (!e.msg[0] || !e.code)
            abort();
        return 0;
    }
    once = print(first);
    if (!strstr(once, "os.environ/")) { /* a value that looks like a variable cannot be written */
        if (config_parse(once, strlen(once), "print", env, NULL, 0, &second, &e) < 0) {
            fprintf(stderr, "%s\n%s\n", e.msg, once);
            abort();
        }
        twice = print(second);
        if (strcmp(once, twice) != 0)
            abort();
    }
    free(once);
    free(twice);
    config_free(first);
    config_free(second);
    return 0;
}
