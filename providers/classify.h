/*
 * classify: from what a failed response says to the class of its end. Pure tables; shared by all
 * dialects, because vendors that speak one dialect borrow error codes from the others.
 */
#ifndef SLUICE_PROVIDERS_CLASSIFY_H
#define SLUICE_PROVIDERS_CLASSIFY_H

#include "task/class.h"

/* What a response says of its failure. Strings are never NULL; "" where nothing was said. */
struct fault {
    long status;         /* HTTP status; below 300: the error stood inside a "good" response */
    const char *code;    /* error.code; a number as text */
    const char *type;    /* error.type or error.status */
    const char *detail;  /* error.details.error_code, error.innererror.code, google_rpc_detail() */
    const char *param;   /* error.param: the field that is blamed */
    const char *message; /* the provider's words */
    const char *model;   /* upstream model that was asked */
};

/*
 * Order of the tests: structured codes, then quota, rate limit, server trouble, region, credential,
 * model, context window, content policy, the caller's fault. Wording is looked at last and only
 * together with a status that fits, because wording lies. Never CLASS_OK; CLASS_BAD_RESPONSE for an
 * error inside a "good" response that nothing else explains.
 */
enum error_class classify(const struct fault *f);

#endif
