/*
 * web: the pages made for people with a browser, put together from the files beside it, which are part of the
 * program: the live page of a worker, and the report of a job. Neither names another host.
 */
#ifndef SLUICE_CMD_WEB_WEB_H
#define SLUICE_CMD_WEB_WEB_H

#include <json-c/json.h>

#include "base/buf.h"

/* It asks /status and /history of the worker that it comes from. */
void web_live(struct buf *out);

/* It shows this object (report.js says of what members), which stands in the page. */
void web_report(struct json_object *data, struct buf *out);

#endif
