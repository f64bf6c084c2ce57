/*
 * breaker: keeps calls away from a route that fails, and lets one through to see whether it is well.
 *
 * It does not classify and it does not draw random numbers: retry.c says what a failure means for the
 * route and until when at least it should rest. Calls that were running when the route opened may
 * still report; a late failure does not double the pause and a late success does not end it.
 */
#include "policy/breaker.h"

#define PAUSE_MAX_US    ((int64_t)10 * 60 * 1000000)
#define DOUBLINGS_MAX   10
#define PAUSE_COOLDOWNS 2 /* as long as the rest after an overload: a minute by default */

bool breaker_allows(const struct breaker *b, int64_t now_us, int64_t *ret_at_us)
{
    if (b->open_until_us == 0)
        return true;
    if (now_us < b->open_until_us) {
        *ret_at_us = b->open_until_us;
        return false;
    }
    if (b->probing) {
        *ret_at_us = INT64_MAX;
        return false;
    }
    return true;
}

static void close_route(struct breaker *b)
{
    *b = (struct breaker){0};
}

void breaker_start(struct breaker *b, int64_t now_us)
{
    if (b->open_until_us == 0 || now_us < b->open_until_us)
        return;
    if (b->trial)
        b->probing = true;
    else
        b->open_until_us = 0; /* a pause that was asked for is over; nothing has to be proven */
}

void breaker_success(struct breaker *b)
{
    b->fails = 0;
    b->paused = 0;
    if (b->probing)
        close_route(b);
}

static int64_t doubled(int times, int64_t base_us, int64_t max_us)
{
    int64_t us = base_us;

    if (times > DOUBLINGS_MAX)
        times = DOUBLINGS_MAX;
    while (times-- > 0 && us < max_us)
        us *= 2;
    return us < max_us ? us : max_us;
}

static void open_until(struct breaker *b, int64_t until_us)
{
    if (until_us > b->open_until_us)
        b->open_until_us = until_us;
    if (b->opened == 0)
        b->opened = 1;
    b->trial = true;
}

static void count_doubt(struct breaker *b, bool probe, int64_t allowed_fails, int64_t cooldown_us,
                        int64_t now_us)
{
    b->fails++;
    if (probe || (b->open_until_us == 0 && b->fails >= (allowed_fails > 0 ? allowed_fails : 1)))
        open_until(b, now_us + cooldown_us);
}

static void count_failure(struct breaker *b, bool probe, int64_t allowed_fails, int64_t cooldown_us,
                          int64_t now_us)
{
    int64_t max_us = cooldown_us > PAUSE_MAX_US ? cooldown_us : PAUSE_MAX_US;

    b->fails++;
    if (probe) {
        open_until(b, now_us + doubled(b->opened, cooldown_us, max_us));
        b->opened++;
    } else if (b->open_until_us == 0 && b->fails >= (allowed_fails > 0 ? allowed_fails : 1)) {
        open_until(b, now_us + cooldown_us);
    }
}

/* A verdict names its own pause. It is doubled only up to the configured cool-down, so that a server
 * which says "one second" again and again is not left alone for minutes. */
static void cool(struct breaker *b, bool probe, int64_t cool_until_us, int64_t cooldown_us,
                 int64_t now_us)
{
    int64_t pause_us = cool_until_us - now_us;

    if (probe && pause_us > 0 && pause_us < cooldown_us) {
        cool_until_us = now_us + doubled(b->opened, pause_us, cooldown_us);
        b->opened++;
    }
    open_until(b, cool_until_us);
}

/* What was on its way when the pause began says nothing new. The server's word is the floor. */
static void pause_calls(struct breaker *b, int64_t cool_until_us, int64_t cooldown_us,
                        int64_t now_us)
{
    int64_t until_us = cool_until_us;

    if (now_us >= b->open_until_us && cool_until_us > now_us) {
        int64_t us = doubled(b->paused, cool_until_us - now_us, PAUSE_COOLDOWNS * cooldown_us);

        until_us = now_us + us > until_us ? now_us + us : until_us;
        b->paused += b->paused < DOUBLINGS_MAX;
    }
    if (until_us > b->open_until_us)
        b->open_until_us = until_us;
}

void breaker_failure(struct breaker *b, enum route_effect effect, int64_t cool_until_us,
                     int64_t allowed_fails, int64_t cooldown_us, int64_t now_us)
{
    bool probe = b->probing;

    b->probing = false;
    switch (effect) {
    case ROUTE_NONE: /* it answered; that the answer was a refusal is not its fault */
        if (probe)
            close_route(b);
        break;
    case ROUTE_DOUBT:
        count_doubt(b, probe, allowed_fails, cooldown_us, now_us);
        break;
    case ROUTE_FAILED:
        count_failure(b, probe, allowed_fails, cooldown_us, now_us);
        break;
    case ROUTE_PAUSE:
        pause_calls(b, cool_until_us, cooldown_us, now_us);
        break;
    case ROUTE_COOL:
        cool(b, probe, cool_until_us, cooldown_us, now_us);
        break;
    case ROUTE_OFF:
        b->off = true;
        open_until(b, cool_until_us);
        break;
    }
}

void breaker_abandon(struct breaker *b)
{
    b->probing = false;
}
