/*
 * live_page: the page for a browser at `/` of the admin port: page.html with page.css and page.js in it. It asks
 * /status and /history of the same worker and nothing else in the world.
 */
#ifndef SLUICE_CMD_ADMIN_LIVE_PAGE_H
#define SLUICE_CMD_ADMIN_LIVE_PAGE_H

#include "base/buf.h"

void live_page(struct buf *out);

#endif
