/*
 * reply: writes reply records (design 2.2), and reads them back for `collect` and resume.
 */
#ifndef SLUICE_TASK_REPLY_H
#define SLUICE_TASK_REPLY_H

#include "task/config.h"
#include "task/task.h"

/*
 * Writes t->reply, t->reply_len, t->ok, t->reply_status from the task's outcome (completion or error),
 * trail, usage and times. The completion's body is spliced in unchanged. A task without an outcome is
 * our bug (assert). When the reply would be larger than limits.reply_bytes, an error reply with code
 * "reply_too_large" takes its place (it names the property to raise).
 */
void reply_format(struct task *t, const struct config *c, int64_t now_wall_ms);

/*
 * USD that the task cost: its answer, free when it was there already, and calls before it that gave no good
 * one, where their cost is known. Without an answer, a call that may have been charged makes it unknown:
 * negative.
 */
double reply_cost(const struct task *t);

/* What collect and resume need to know of a reply line. Strings point into the parsed object. */
struct reply_view {
    struct json_object *root; /* owned: json_object_put() */
    const char *custom_id;    /* never NULL in a good view */
    bool ok;                  /* design 2.2: 2xx and no error */
    int status;               /* 0: none */
    const char *error_code;   /* or NULL */
    const char *last_class;   /* of its last call, as class_name() has it; NULL: not said */
    const char *model;
    const char *cache; /* "miss", "hit", "coalesced" or NULL */
    struct usage usage;
    double cost_usd; /* negative: unknown */
    int64_t queued_ms;
    int64_t inference_ms;
};

int reply_read(const char *line, size_t len, struct reply_view *ret, struct err *e);
void reply_view_done(struct reply_view *v);

#endif
