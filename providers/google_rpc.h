/*
 * google_rpc: the list error.details of Google's APIs (google.rpc.QuotaFailure, ErrorInfo, RetryInfo).
 */
#ifndef SLUICE_PROVIDERS_GOOGLE_RPC_H
#define SLUICE_PROVIDERS_GOOGLE_RPC_H

#include <stdint.h>

#include <json-c/json.h>

/*
 * The word in the details that tells most, for struct fault: quota_limit_zero, quota_per_day or
 * quota_per_minute of a QuotaFailure, else the reason of an ErrorInfo, else "". It lives as long as
 * details.
 */
const char *google_rpc_detail(struct json_object *details);

/* The wait that a RetryInfo asks for, in ms, rounded up; -1: none. */
int64_t google_rpc_wait_ms(struct json_object *details);

#endif
