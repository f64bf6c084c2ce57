/* admission_stop: rows that the operator has stopped. That nothing starts there is for policy/select to see to. */
#include "pool/admission_int.h"

bool admission_stop(struct admission *a, uint64_t rows, int64_t now_us)
{
    bool changed = false;

    pthread_mutex_lock(&a->lock);
    changed = a->stopped != rows && a->waiting > 0;
    a->stopped = rows;
    for (size_t i = 0; i < a->config->nmodels; i++)
        a->routes[i].stopped = rows >> i & 1;
    if (changed)
        wake_at(a, now_us);
    pthread_mutex_unlock(&a->lock);
    return changed;
}
