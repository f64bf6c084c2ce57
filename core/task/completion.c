/* completion: shared immutable answers. */
#include "task/completion.h"

#include "base/mem.h"

struct completion *completion_new(void)
{
    struct completion *c = mem_alloc(sizeof *c);

    c->refs = 1;
    c->usage = USAGE_UNKNOWN;
    c->cost_usd = -1;
    return c;
}

struct completion *completion_ref(struct completion *c)
{
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

struct completion *completion_unref(struct completion *c)
{
    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    free(c->body);
    free(c);
    return NULL;
}

void completion_shed(struct completion *c)
{
    if (__atomic_load_n(&c->refs, __ATOMIC_ACQUIRE) > 1)
        return;
    free(c->body);
    c->body = NULL;
    c->body_len = 0;
}

int completion_cacheable(const struct completion *c)
{
    return c->finish == FINISH_STOP || c->finish == FINISH_TOOL_CALLS;
}
