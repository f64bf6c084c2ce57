/* find: walks a directory; see find.h. */
#include "cmd/runs/find.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/runs/entry.h"

static void take(struct found *f, const char *path)
{
    char stem[4096];
    struct json_object *o = NULL;
    struct err e = {0};
    int rc = 0;

    if ((size_t)snprintf(stem, sizeof stem, "%s", path) >= sizeof stem || !entry_is_first(path) ||
        !entry_stem(stem))
        return;
    rc = entry_load(stem, &o, &e);
    if (rc < 0) {
        f->damaged++;
        fprintf(stderr, "%s\n", utf8_plain(e.msg));
    }
    if (rc != ENTRY_LOADED)
        return;
    if (f->count == FIND_MAX) {
        f->more = true;
        json_object_put(o);
        return;
    }
    f->at = mem_grow(f->at, f->count + 1, sizeof *f->at);
    f->at[f->count++] = o;
}

/* Times are RFC 3339 in UTC, which sort as text; jobs without one come last. */
static int last_first(const void *a, const void *b)
{
    struct json_object *const *x = a;
    struct json_object *const *y = b;
    const char *s = json_get_str(*x, "started_at");
    const char *t = json_get_str(*y, "started_at");
    int order = strcmp(t ? t : "", s ? s : "");

    return order ? order : strcmp(json_get_str(*x, "path"), json_get_str(*y, "path"));
}

static void visit(struct found *f, FTS *walk, FTSENT *at)
{
    bool hidden = at->fts_level > 0 && at->fts_name[0] == '.';

    if (at->fts_info == FTS_D && (hidden || at->fts_level > FIND_DEPTH))
        fts_set(walk, at, FTS_SKIP);
    else if (at->fts_info == FTS_F)
        take(f, at->fts_path);
    else if (at->fts_info == FTS_DNR)
        fprintf(stderr, "cannot read %s: %s\n", utf8_plain(at->fts_path), strerror(at->fts_errno));
}

int find_runs(const char *dir, struct found *ret, struct err *e)
{
    char *path CLEANUP_FREE = mem_strdup(dir);
    char *const roots[] = {path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    struct found f = {0};
    FTSENT *at = NULL;

    if (!walk)
        return err_set(e, EX_NOINPUT, "cannot read %s: %s", dir, strerror(errno));
    while ((at = fts_read(walk))) {
        if (at->fts_level == 0 && at->fts_info != FTS_D && at->fts_info != FTS_DP) {
            fts_close(walk);
            return err_set(e, EX_NOINPUT,
                           "%s is no directory that can be read; `sluice runs show "
                           "PATH` is for one job",
                           dir);
        }
        visit(&f, walk, at);
    }
    fts_close(walk);
    if (f.count)
        qsort(f.at, f.count, sizeof *f.at, last_first);
    *ret = f;
    return 0;
}

void found_done(struct found *f)
{
    for (size_t i = 0; i < f->count; i++)
        json_object_put(f->at[i]);
    free(f->at);
    *f = (struct found){0};
}
