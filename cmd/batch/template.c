/* template: splits a text into literal pieces and fields once, and joins them per row. */
#include "cmd/batch/template.h"

#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

#define PIECES_MAX 256

struct piece {
    char *text;
    bool is_field;
};

struct template
{
    struct piece pieces[PIECES_MAX];
    size_t count;
};

static int add(struct template *t, const char *p, size_t n, bool is_field, struct err *e)
{
    if (n == 0 && !is_field)
        return 0;
    if (t->count == PIECES_MAX)
        return err_set(e, EX_USAGE, "the template has more than %d pieces", PIECES_MAX);
    t->pieces[t->count++] = (struct piece){mem_dup(p, n), is_field};
    return 0;
}

/* Takes the field that starts behind the brace at p; *ret_next is behind its closing brace. */
static int add_field(struct template *t, const char *p, const char **ret_next, struct err *e)
{
    const char *end = strpbrk(p, "{}");

    if (!end || *end != '}')
        return err_set(e, EX_USAGE,
                       "the template has a \"{\" without \"}\"; write \"{{\" for a brace");
    if (end == p)
        return err_set(e, EX_USAGE,
                       "the template has an empty field \"{}\"; name a field of the input");
    *ret_next = end + 1;
    return add(t, p, (size_t)(end - p), true, e);
}

static int split(struct template *t, const char *text, struct err *e)
{
    const char *from = text;
    const char *p = text;

    while (*p) {
        if (*p != '{' && *p != '}') {
            p++;
            continue;
        }
        if (p[1] == *p) { /* a doubled brace: keep one */
            if (add(t, from, (size_t)(p + 1 - from), false, e) < 0)
                return -1;
            p += 2;
        } else if (*p == '}') {
            return err_set(e, EX_USAGE,
                           "the template has a \"}\" without \"{\"; write \"}}\" for a brace");
        } else if (add(t, from, (size_t)(p - from), false, e) < 0 ||
                   add_field(t, p + 1, &p, e) < 0) {
            return -1;
        }
        from = p;
    }
    return add(t, from, (size_t)(p - from), false, e);
}

struct template *template_new(const char *text, struct err *e)
{
    struct template *t = mem_alloc(sizeof *t);

    if (split(t, text, e) < 0)
        return template_free(t);
    return t;
}

struct template *template_free(struct template *t)
{
    size_t i = 0;

    if (!t)
        return NULL;
    for (i = 0; i < t->count; i++)
        free(t->pieces[i].text);
    free(t);
    return NULL;
}

int template_render(const struct template *t, template_field field, void *row, struct buf *out,
                    struct err *e)
{
    size_t i = 0;

    for (i = 0; i < t->count; i++) {
        const struct piece *p = &t->pieces[i];

        if (!p->is_field)
            buf_str(out, p->text);
        else if (field(row, p->text, out) < 0)
            return err_set(e, EX_DATAERR, "the row has no field \"%s\", which the template names",
                           p->text);
    }
    return out->over ? err_set(e, EX_DATAERR, "the prompt is larger than limits.record_bytes") : 0;
}
