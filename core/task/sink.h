/*
 * sink: where finished tasks go. The pool hands each task over exactly once, with its reply written (or
 * none, see task.park and task.silent) and its journal entry durable (or known to be unnecessary).
 */
#ifndef SLUICE_TASK_SINK_H
#define SLUICE_TASK_SINK_H

#include "task/task.h"

struct sink {
    /*
     * Takes over all tasks in the list (state TASK_OUTBOX) and empties it. Runs on worker threads: must
     * not block, so it appends to an outbox and wakes its publisher. The publisher frees the tasks after
     * it has told the pool with pool_release().
     */
    void (*put)(struct sink *s, struct list_node *tasks);
};

#endif
