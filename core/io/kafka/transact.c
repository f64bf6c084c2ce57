/*
 * transact: one transaction of exactly_once, from begin to commit: the records of a batch, its offsets. A
 * record that the client can never take is replaced on the way. What the end means for the outcomes is
 * decided in exact.c.
 */
#include "base/clock.h"
#include "base/hook.h"
#include "io/kafka/exact.h"
#include "io/kafka/refusal.h"

#define PAUSE_MS 50

void exact_delivered(void *owner, const rd_kafka_message_t *m)
{
    struct parcel_record *r = m->_private;

    if (!m->err)
        kafka_client_reached(&((struct exact *)owner)->txn.client);
    parcel_delivered(r, m);
    r->err = m->err;
}

/* Hands one record to the client; one that can never be taken is replaced by what can be. */
static enum txn_verdict produce_record(struct exact *x, struct parcel *pc, struct parcel_record *r)
{
    rd_kafka_t *rk = x->txn.client.rk;
    rd_kafka_resp_err_t err;

    while (r->wanted) {
        err = r == &pc->reply ? parcel_send_reply(pc, rk, RD_KAFKA_PARTITION_UA)
                              : parcel_send_dead_letter(pc, rk, x->p->group);
        if (!err)
            return TXN_GOOD;
        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(rk, PAUSE_MS);
            if (exact_is_late(x))
                return TXN_REPEAT;
            continue;
        }
        r->err = err;
        switch (refusal_accept(pc, r, err, clock_wall_ms())) {
        case REFUSAL_PASSES:
        case REFUSAL_PARKING: /* what goes with this batch has counted it as done */
            return txn_not_produced(&x->txn, err);
        case REFUSAL_REPLY:
            atomic_fetch_add(&x->p->undeliverable, 1);
            break;
        case REFUSAL_DEAD_LETTER:
            break;
        }
    }
    return TXN_GOOD;
}

static enum txn_verdict produce_all(struct exact *x)
{
    enum txn_verdict verdict = TXN_GOOD;

    for (struct list_node *n = x->parcels.next; n != &x->parcels && !verdict; n = n->next) {
        struct parcel *pc = CONTAINER_OF(n, struct parcel, node);

        verdict = produce_record(x, pc, &pc->reply);
        if (!verdict)
            verdict = produce_record(x, pc, &pc->dead_letter);
    }
    return verdict;
}

/* Between two tries of a call: some of its errors come at once. */
static void try_again_soon(struct exact *x, const char *what)
{
    exact_say_waiting(x, what, rd_kafka_err2name(x->txn.last.code), x->txn.last.text);
    rd_kafka_poll(x->txn.client.rk, PAUSE_MS);
}

static enum txn_verdict send_offsets_once(struct exact *x)
{
    int ms = atomic_load(&x->p->stop) ? EXACT_SLICE_MS : x->txn.offsets_ms;

    return txn_send_offsets(&x->txn, x->batch->offsets, x->batch->group, ms);
}

static enum txn_verdict send_offsets(struct exact *x)
{
    enum txn_verdict verdict;

    while ((verdict = send_offsets_once(x)) == TXN_REPEAT && !exact_is_late(x))
        try_again_soon(x, "offsets");
    return verdict;
}

/* end: txn_commit or txn_abandon */
static enum txn_verdict finish(struct exact *x, enum txn_verdict (*end)(struct txn *t, int ms))
{
    enum txn_verdict verdict;

    while ((verdict = end(&x->txn, EXACT_SLICE_MS)) == TXN_REPEAT && !exact_is_late(x))
        try_again_soon(x, end == txn_commit ? "commit" : "abort");
    return verdict;
}

/* For tests: a batch with outcomes has come this far. */
static void reached(const struct exact *x, enum txn_verdict verdict, const char *place)
{
    if (verdict == TXN_GOOD && x->batch->count)
        hook_reached(place);
}

/* A call that met a transaction which had failed before it was made says only that. Asking for the
 * offsets once more tells what it failed of, and cannot make it succeed. */
static enum txn_verdict ask_why(struct exact *x)
{
    enum txn_verdict verdict = send_offsets_once(x);

    return verdict == TXN_REBUILD || verdict == TXN_HOPELESS ? verdict : TXN_ABORT;
}

enum txn_verdict exact_transact(struct exact *x)
{
    enum txn_verdict verdict = txn_begin(&x->txn);

    if (verdict == TXN_GOOD)
        verdict = produce_all(x);
    reached(x, verdict, "produced");
    if (verdict == TXN_GOOD)
        verdict = send_offsets(x);
    reached(x, verdict, "offsets");
    if (verdict == TXN_GOOD)
        verdict = finish(x, txn_commit);
    reached(x, verdict, "committed");
    if (verdict == TXN_ABORT && x->txn.last.code == RD_KAFKA_RESP_ERR__STATE)
        verdict = ask_why(x);
    return verdict;
}

enum txn_verdict exact_abandon(struct exact *x)
{
    return finish(x, txn_abandon);
}
