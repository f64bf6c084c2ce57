/*
 * sigv4: the headers that sign a request by AWS Signature Version 4. Pure: the time is an argument.
 *
 * libcurl has this too, but which path and which headers it signs changed between its versions: 7.88
 * takes the path as it is, where later ones encode it, and it signs headers that it then leaves out
 * ("Expect:"). A signature made here is the same with all of them.
 *
 * Signed are host, content-type, x-amz-date and the session's token, and the body by its digest. No
 * other header is, so that a proxy may change those.
 */
#ifndef SLUICE_POLICY_SIGV4_H
#define SLUICE_POLICY_SIGV4_H

#include <stdint.h>

#include "base/err.h"
#include "task/http.h"

/* Values of headers. */
struct sigv4 {
    char host[264]; /* to be sent exactly like this: it is signed */
    char date[20];  /* X-Amz-Date */
    char authorization[1024];
};

/*
 * Signs r as it stands, with r->aws. r->url is what goes over the wire: its path is encoded once more
 * for the signature, as services other than S3 do. content_type: of the body, or NULL. 0, or -1 when
 * the request cannot be signed.
 */
int sigv4_sign(const struct http_request *r, const char *content_type, int64_t wall_ms,
               struct sigv4 *ret, struct err *e);

#endif
