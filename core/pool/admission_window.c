/*
 * admission_window: what the admission learns of the windows of its routes, and the tasks that it keeps away from
 * those that are too small. The decisions are policy/window and policy/select; here is the lock around them.
 */
#include "pool/admission_int.h"

bool admission_fallback(struct admission *a, struct task *t, enum fallback_kind kind)
{
    bool found = false;

    pthread_mutex_lock(&a->lock);
    found = select_fallback(a->config, a->routes, t, kind);
    pthread_mutex_unlock(&a->lock);
    return found;
}

void admission_leave_small(struct admission *a, struct task *t)
{
    if (!__atomic_load_n(&a->windows, __ATOMIC_RELAXED))
        return;
    pthread_mutex_lock(&a->lock);
    select_leave_small(a->config, a->routes, t);
    pthread_mutex_unlock(&a->lock);
}

void admission_learn_window(struct admission *a, const struct task *t,
                            const struct admission_end *end)
{
    struct window *w = &a->routes[t->route].window;

    if (end->ok) {
        window_served(w, t->estimated_tokens);
    } else if (end->sent && t->last_class == CLASS_CONTEXT_WINDOW) {
        window_refused(w, t->estimated_tokens, end->window_said);
        __atomic_store_n(&a->windows, true, __ATOMIC_RELAXED);
    }
}
