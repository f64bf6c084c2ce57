/*
 * store_walk: iterates a family in slices. Between two slices no lock and no iterator is held, so
 * that a writer that must reopen the database never waits long, and deletes are handed to the
 * writer thread then.
 */
#include "io/store_walk.h"

#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "io/store_int.h"

#define SLICE_KEYS  512
#define SLICE_BYTES ((size_t)8 << 20)
#define KEY_MAX     4096

struct walk {
    struct store *s;
    enum store_family family;
    const uint8_t *prefix;
    size_t prefix_len;
    store_walk_fn *fn;
    void *arg;
    struct buf next;   /* key to go on from; a NUL behind a key is the next possible one */
    struct buf doomed; /* keys to delete, back to back */
    size_t doomed_len[SLICE_KEYS];
    size_t ndoomed;
    bool more;
};

static int delete_doomed(struct walk *w, struct err *e)
{
    CLEANUP_FREE struct store_op *ops = mem_array(w->ndoomed ? w->ndoomed : 1, sizeof *ops);
    const uint8_t *key = (const uint8_t *)w->doomed.data;
    struct list_node list;

    if (w->ndoomed == 0)
        return 0;
    if (w->s->readonly)
        return err_set(e, EX_SOFTWARE, "the store was opened for reading only");
    list_init(&list);
    for (size_t i = 0; i < w->ndoomed; i++) {
        ops[i] = (struct store_op){.forget = true};
        if (w->family == STORE_COMPLETIONS) {
            ops[i].completion_key = key;
        } else if (w->family == STORE_CLAIMS) {
            ops[i].claim_key = key;
        } else {
            ops[i].journal_key = key;
            ops[i].journal_key_len = w->doomed_len[i];
        }
        list_push(&list, &ops[i].node);
        key += w->doomed_len[i];
    }
    return store_write_wait(w->s, &list, e);
}

static bool in_prefix(const struct walk *w, const struct store_entry *entry)
{
    return entry->key_len >= w->prefix_len &&
           (w->prefix_len == 0 || memcmp(entry->key, w->prefix, w->prefix_len) == 0);
}

/* Keys of these families have one length; anything else is not ours and cannot be deleted as one. */
static void doom(struct walk *w, const struct store_entry *entry)
{
    static const size_t key_len[STORE_FAMILIES] = {
        [STORE_COMPLETIONS] = SHA256_LEN, [STORE_CLAIMS] = STORE_CLAIM_KEY_LEN};

    if (key_len[w->family] && entry->key_len != key_len[w->family])
        return;
    buf_append(&w->doomed, entry->key, entry->key_len);
    w->doomed_len[w->ndoomed++] = entry->key_len;
}

static void visit_slice(struct walk *w, rocksdb_iterator_t *it)
{
    size_t bytes = 0;

    w->more = false;
    rocksdb_iter_seek(it, w->next.data ? w->next.data : "", w->next.len);
    for (size_t i = 0; rocksdb_iter_valid(it); i++, rocksdb_iter_next(it)) {
        struct store_entry entry;
        enum walk_action action;

        entry.key = (const uint8_t *)rocksdb_iter_key(it, &entry.key_len);
        if (!in_prefix(w, &entry))
            return;
        if (i == SLICE_KEYS || bytes > SLICE_BYTES) {
            buf_clear(&w->next);
            buf_append(&w->next, entry.key, entry.key_len);
            w->more = true;
            return;
        }
        entry.value = rocksdb_iter_value(it, &entry.value_len);
        bytes += entry.value_len;
        action = w->fn(w->arg, &entry);
        if (action == WALK_DELETE)
            doom(w, &entry);
        if (action == WALK_STOP)
            return;
    }
}

static int read_slice(struct walk *w, struct err *e)
{
    struct store *s = w->s;
    char *error = NULL;
    int r = 0;

    buf_clear(&w->doomed);
    w->ndoomed = 0;
    w->more = false;
    pthread_rwlock_rdlock(&s->db_lock);
    if (s->handles.db) {
        rocksdb_iterator_t *it = rocksdb_create_iterator_cf(s->handles.db, s->options.scan,
                                                            s->handles.family[w->family]);

        visit_slice(w, it);
        rocksdb_iter_get_error(it, &error);
        rocksdb_iter_destroy(it);
        if (error)
            r = err_set(e, EX_IOERR, "cannot read the store %s: %s", s->path, error);
    } else {
        r = err_set(e, EX_TEMPFAIL, "the store %s cannot be read until its disk works again",
                    s->path);
    }
    pthread_rwlock_unlock(&s->db_lock);
    rocksdb_free(error);
    return r;
}

static bool closing(struct store *s)
{
    bool stopping;

    pthread_mutex_lock(&s->lock);
    stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

static int walk_run(struct walk *w, uint64_t *deleted, struct err *e)
{
    do {
        if (closing(w->s))
            return err_set(e, EX_TEMPFAIL, "the store is closing");
        if (read_slice(w, e) < 0 || delete_doomed(w, e) < 0)
            return -1;
        *deleted += w->ndoomed;
    } while (w->more);
    return 0;
}

int store_walk(struct store *s, enum store_family f, const uint8_t *prefix, size_t len,
               store_walk_fn *fn, void *arg, uint64_t *ret_deleted, struct err *e)
{
    CLEANUP_FREE struct walk *w = mem_alloc(sizeof *w);
    uint64_t deleted = 0;
    int r;

    *w = (struct walk){
        .s = s, .family = f, .prefix = prefix, .prefix_len = len, .fn = fn, .arg = arg};
    buf_init(&w->next, KEY_MAX);
    buf_init(&w->doomed, (size_t)SLICE_KEYS * KEY_MAX);
    buf_append(&w->next, prefix ? (const void *)prefix : "", len);
    r = walk_run(w, &deleted, e);
    buf_done(&w->next);
    buf_done(&w->doomed);
    if (r == 0 && ret_deleted)
        *ret_deleted = deleted;
    return r;
}

struct prune {
    bool (*keep)(void *arg, const uint8_t *key, size_t key_len);
    void *arg;
};

static enum walk_action prune_entry(void *arg, const struct store_entry *entry)
{
    struct prune *p = arg;

    return p->keep(p->arg, entry->key, entry->key_len) ? WALK_GO : WALK_DELETE;
}

int store_prune(struct store *s, const uint8_t *prefix, size_t len,
                bool (*keep)(void *arg, const uint8_t *key, size_t key_len), void *arg,
                struct err *e)
{
    struct prune p = {.keep = keep, .arg = arg};

    return store_walk(s, STORE_OUTCOMES, prefix, len, prune_entry, &p, NULL, e);
}
