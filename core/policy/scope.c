/*
 * scope: the table of how far a failure reaches; see scope.h. It must not decide what is done to the rows, nor
 * for how long: retry.c does.
 *
 * An overload reaches the model with every key, as another key meets the same machines. Whether all models of the
 * server are overloaded is not known from one of them, and another model may serve at once: the caller takes
 * scope_server() when a second model has said so, too.
 */
#include "policy/scope.h"

#include <string.h>

#include "task/account.h"

enum scope {
    SCOPE_ROW,
    SCOPE_ACCOUNT, /* model and key */
    SCOPE_KEY,     /* all models that are asked with the key */
    SCOPE_MODEL,   /* the model, with all keys */
    SCOPE_SERVER,  /* all models of the server, with all keys */
    SCOPE_PROVIDER /* all servers of the provider */
};

static const enum scope scopes[CLASS_COUNT] = {
    [CLASS_RATE_LIMIT] = SCOPE_ACCOUNT, [CLASS_OVERLOAD] = SCOPE_MODEL,
    [CLASS_QUOTA] = SCOPE_KEY,          [CLASS_CREDENTIAL] = SCOPE_KEY,
    [CLASS_MODEL_GONE] = SCOPE_MODEL,   [CLASS_MODEL_ACCESS] = SCOPE_ACCOUNT,
};

/* What is said of the request, or of a model that this request cannot have. */
static const enum scope refusals[CLASS_COUNT] = {
    [CLASS_TOO_LARGE_FOR_TPM] = SCOPE_ACCOUNT,
    [CLASS_MODEL_ACCESS] = SCOPE_ACCOUNT,
    [CLASS_MODEL_GONE] = SCOPE_MODEL,
    [CLASS_CALLER_FAULT] = SCOPE_PROVIDER,
};

static bool same_provider(const struct model *a, const struct model *b)
{
    return a->provider_name && b->provider_name && strcmp(a->provider_name, b->provider_name) == 0;
}

static bool reaches(enum scope s, const struct model *a, const struct model *b)
{
    switch (s) {
    case SCOPE_ROW:
        return false;
    case SCOPE_ACCOUNT:
        return account_same(a, b);
    case SCOPE_KEY: /* without a key, a refusal says nothing of other models */
        return account_same_key(a, b) && (account_has_key(a) || account_same_model(a, b));
    case SCOPE_MODEL:
        return account_same_model(a, b);
    case SCOPE_SERVER:
        return account_same_server(a, b);
    case SCOPE_PROVIDER:
        return same_provider(a, b);
    }
    return false;
}

static uint64_t rows_within(const struct config *c, int row, enum scope s)
{
    uint64_t set = (uint64_t)1 << row;
    size_t i = 0;

    for (i = 0; i < c->nmodels && i < CONFIG_MODELS_MAX; i++) {
        if (reaches(s, &c->models[row], &c->models[i]))
            set |= (uint64_t)1 << i;
    }
    return set;
}

uint64_t scope_rows(const struct config *c, int row, enum error_class class)
{
    return rows_within(c, row, scopes[class]);
}

uint64_t scope_refused(const struct config *c, int row, enum error_class class)
{
    return rows_within(c, row, refusals[class]);
}

uint64_t scope_server(const struct config *c, int row)
{
    return rows_within(c, row, SCOPE_SERVER);
}

int scope_limit(const struct config *c, int row)
{
    const struct model *m = &c->models[row];
    int i = 0;

    while (i < row && !(account_same(&c->models[i], m) && account_same_limits(&c->models[i], m)))
        i++;
    return i;
}
