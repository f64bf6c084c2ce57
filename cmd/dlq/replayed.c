/*
 * replayed: see replayed.h. For each partition two sets: what the broker has acknowledged, which is saved, and that
 * with what is on its way, which must fit into the broker's bound as well before anything is sent.
 */
#include "cmd/dlq/replayed.h"

#include <sysexits.h>

#include "base/mem.h"
#include "cmd/dlq/offset_set.h"
#include "io/kafka/marks.h"

struct part {
    struct offset_set sent;    /* acknowledged */
    struct offset_set planned; /* and what is on its way */
    int64_t next;              /* up to here every record that there is was met or is done */
    bool dirty;                /* something in `sent` is not saved */
};

struct replayed {
    struct kafka_marks *marks;
    const char *topic, *group;
    struct part *parts;
    size_t count;
    bool known;
    struct buf text;
};

static int load_part(struct replayed *r, size_t i, const struct kafka_mark *mark, struct err *e)
{
    struct part *p = &r->parts[i];

    offset_set_init(&p->sent, mark->offset > 0 ? mark->offset : 0);
    if (mark->offset >= 0)
        r->known = true;
    if (offset_set_parse(&p->sent, mark->text) < 0)
        return err_set(e, EX_DATAERR,
                       "group %s holds something else for partition %zu of topic %s than what was "
                       "replayed: choose another --group",
                       r->group, i, r->topic);
    /* What the topic has dropped meanwhile cannot be read any more. */
    offset_set_raise(&p->sent, mark->low);
    offset_set_copy(&p->planned, &p->sent);
    p->next = p->sent.base;
    return 0;
}

static int load(struct replayed *r, int64_t timeout_ms, struct err *e)
{
    CLEANUP_FREE struct kafka_mark *marks = NULL;
    size_t i = 0;
    int rc = 0;

    r->count = kafka_marks_count(r->marks);
    r->parts = mem_array(r->count, sizeof *r->parts);
    marks = mem_array(r->count, sizeof *marks);
    if (kafka_marks_load(r->marks, marks, timeout_ms, e) < 0)
        return -1;
    for (i = 0; i < r->count; i++) {
        if (rc == 0)
            rc = load_part(r, i, &marks[i], e);
        free(marks[i].text);
    }
    return rc;
}

struct replayed *replayed_new(const struct config *c, const char *topic, const char *group,
                              int64_t timeout_ms, struct err *e)
{
    struct replayed *r = mem_alloc(sizeof *r);

    r->topic = topic;
    r->group = group;
    r->text = BUF_INIT(KAFKA_MARK_TEXT_MAX);
    r->marks = kafka_marks_new(c, topic, group, timeout_ms, e);
    if (!r->marks || load(r, timeout_ms, e) < 0)
        return replayed_free(r);
    return r;
}

struct replayed *replayed_free(struct replayed *r)
{
    size_t i = 0;

    if (!r)
        return NULL;
    for (i = 0; i < r->count; i++) {
        offset_set_done(&r->parts[i].sent);
        offset_set_done(&r->parts[i].planned);
    }
    free(r->parts);
    buf_done(&r->text);
    kafka_marks_free(r->marks);
    free(r);
    return NULL;
}

size_t replayed_partitions(const struct replayed *r)
{
    return r->count;
}

bool replayed_known(const struct replayed *r)
{
    return r->known;
}

void replayed_starts(const struct replayed *r, int64_t *ret_offsets)
{
    size_t i = 0;

    for (i = 0; i < r->count; i++)
        ret_offsets[i] = r->parts[i].sent.base;
}

static struct part *part_of(const struct replayed *r, int32_t partition)
{
    return partition >= 0 && (size_t)partition < r->count ? &r->parts[partition] : NULL;
}

bool replayed_has(const struct replayed *r, int32_t partition, int64_t offset)
{
    const struct part *p = part_of(r, partition);

    return p && offset_set_has(&p->planned, offset);
}

static void add_both(struct part *p, int64_t from, int64_t to)
{
    offset_set_add(&p->sent, from, to);
    offset_set_add(&p->planned, from, to);
}

void replayed_met(struct replayed *r, int32_t partition, int64_t offset)
{
    struct part *p = part_of(r, partition);

    if (!p || offset < p->next)
        return;
    /* Markers of transactions and what was compacted away join what stands around them. */
    if (offset > p->next)
        add_both(p, p->next, offset);
    p->next = offset + 1;
}

void replayed_skip(struct replayed *r, int32_t partition, int64_t offset)
{
    struct part *p = part_of(r, partition);

    if (p)
        add_both(p, offset, offset + 1);
}

int replayed_begin(struct replayed *r, int32_t partition, int64_t offset)
{
    struct part *p = part_of(r, partition);

    if (!p) /* a partition that was added while we look */
        return -1;
    offset_set_add(&p->planned, offset, offset + 1);
    if (offset_set_format(&p->planned, KAFKA_MARK_TEXT_MAX, &r->text) == 0)
        return 0;
    offset_set_remove(&p->planned, offset);
    return -1;
}

void replayed_end(struct replayed *r, int32_t partition, int64_t offset, bool sent)
{
    struct part *p = part_of(r, partition);

    if (p && sent) {
        offset_set_add(&p->sent, offset, offset + 1);
        p->dirty = true;
    } else if (p) {
        offset_set_remove(&p->planned, offset);
    }
}

/* The text of a mark, or NULL when it does not fit: what is under way makes holes that close soon. */
static char *text_of(struct replayed *r, const struct part *p)
{
    if (offset_set_format(&p->sent, KAFKA_MARK_TEXT_MAX, &r->text) < 0)
        return NULL;
    return mem_strdup(r->text.data);
}

int replayed_save(struct replayed *r, int64_t timeout_ms, struct err *e)
{
    CLEANUP_FREE struct kafka_mark *marks = mem_array(r->count, sizeof *marks);
    size_t wanted = 0;
    size_t missing = 0;
    size_t i = 0;
    int rc = 0;

    for (i = 0; i < r->count; i++) {
        marks[i].offset = -1;
        if (!r->parts[i].dirty)
            continue;
        marks[i].text = text_of(r, &r->parts[i]);
        if (marks[i].text)
            marks[i].offset = r->parts[i].sent.base, wanted++;
        else
            missing++;
    }
    if (wanted)
        rc = kafka_marks_save(r->marks, marks, timeout_ms, e);
    for (i = 0; i < r->count; i++) {
        if (rc == 0 && marks[i].offset >= 0)
            r->parts[i].dirty = false;
        free(marks[i].text);
    }
    if (rc == 0 && missing)
        rc = err_set(e, EX_UNAVAILABLE,
                     "what was replayed of %zu partitions of topic %s takes more text than a "
                     "broker keeps",
                     missing, r->topic);
    return rc;
}
