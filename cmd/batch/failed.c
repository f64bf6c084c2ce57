/* failed: see failed.h. It reads one file and changes none. */
#include "cmd/batch/failed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "io/jsonl.h"
#include "task/class.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)

/* One bit a row. */
struct rows {
    uint8_t *seen, *taken;
};

static bool set(uint8_t *bits, uint32_t row)
{
    bool was = bits[row / 8] >> (row % 8) & 1;

    bits[row / 8] |= (uint8_t)(1U << (row % 8));
    return !was;
}

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; word && i < n; i++) {
        if (strcmp(word, list[i]) == 0)
            return true;
    }
    return false;
}

/* Statuses that say something about the moment, the key or the model, and not about the request. */
static bool is_passing_status(int status)
{
    static const int passing[] = {401, 402, 403, 404, 408, 409, 410, 425, 429, 498};

    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        if (status == passing[i])
            return true;
    }
    return status == 0 || status >= 500;
}

bool failed_may_recover(const struct reply_view *v)
{
    static const char *const codes[] = {"bad_record", "content_filter", "poison",
                                        "reply_too_large"};
    const char *const classes[] = {class_name(CLASS_CONTEXT_WINDOW),
                                   class_name(CLASS_CONTENT_POLICY),
                                   class_name(CLASS_CALLER_FAULT)};

    if (is_one_of(v->error_code, codes, ARRAY_LEN(codes)))
        return false;
    if (v->last_class)
        return !is_one_of(v->last_class, classes, ARRAY_LEN(classes));
    return is_passing_status(v->status);
}

static void name_of(const struct reply_view *v, char *out, size_t cap)
{
    bool http_only = v->error_code && v->last_class && v->status > 0;

    if (http_only || (v->last_class && !v->error_code))
        snprintf(out, cap, "%s", v->last_class);
    else if (v->error_code)
        snprintf(out, cap, "%s", v->error_code);
    else
        snprintf(out, cap, "HTTP %d", v->status);
}

static void count(struct failed *f, const struct reply_view *v, bool taken)
{
    char name[sizeof f->kinds[0].name];
    struct failed_kind *k = NULL;

    name_of(v, name, sizeof name);
    for (size_t i = 0; i < f->nkinds && !k; i++) {
        if (f->kinds[i].taken == taken && strcmp(f->kinds[i].name, name) == 0)
            k = &f->kinds[i];
    }
    if (!k && f->nkinds < FAILED_KINDS)
        k = &f->kinds[f->nkinds++];
    else if (!k)
        snprintf(name, sizeof name, "other");
    if (!k)
        k = &f->kinds[FAILED_KINDS + (taken ? 1 : 0)];
    memcpy(k->name, name, sizeof name);
    k->taken = taken;
    k->count++;
    f->taken += taken ? 1 : 0;
    f->left += taken ? 0 : 1;
}

/* A failure of this job. */
static int take_failure(struct failed *f, const char *input, const struct index *x, struct rows *r,
                        const struct reply_view *v, struct err *e)
{
    int64_t row = index_find(x, index_hash(v->custom_id, strlen(v->custom_id)));
    bool taken = f->all || failed_may_recover(v);

    if (row < 0)
        return err_set(e, EX_DATAERR,
                       "custom_id \"%.100s\" is not in %s; name the input that these are the "
                       "failures of",
                       v->custom_id, input);
    if (!set(r->seen, (uint32_t)row))
        return err_set(e, EX_DATAERR,
                       "custom_id \"%.100s\" failed in an earlier line already; name the error "
                       "file of one run",
                       v->custom_id);
    if (taken)
        set(r->taken, (uint32_t)row);
    count(f, v, taken);
    return 0;
}

static int take_line(struct failed *f, const char *input, const struct index *x, struct rows *r,
                     const struct line *line, struct err *e)
{
    struct reply_view v = {0};
    int rc = reply_read(line->text, line->len, &v, e);

    if (rc < 0 && line->torn)
        return err_set(e, EX_DATAERR,
                       "%s:%lld was cut off when its run was killed, or is being written; let the "
                       "command of that run end first",
                       f->path, (long long)line->number);
    if (rc < 0) {
        e->code = EX_DATAERR;
        return err_wrap(e, "%s:%lld is no reply line; name the file of --error-file of a run",
                        f->path, (long long)line->number);
    }
    if (v.ok)
        f->answered++;
    else
        rc = take_failure(f, input, x, r, &v, e);
    reply_view_done(&v);
    return rc < 0 ? err_wrap(e, "%s:%lld", f->path, (long long)line->number) : 0;
}

static int read_lines(struct failed *f, const char *input, const struct index *x, struct rows *r,
                      struct err *e)
{
    struct line_reader *reader = line_reader_open(f->path, LINE_MAX_BYTES, e);
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    struct sha256 *sha = NULL;
    struct line line;
    int rc = 0;

    if (!reader)
        return -1;
    sha = sha256_new();
    while (rc == 0 && (rc = line_reader_next(reader, &line, e)) == LINE_GOOD) {
        sha256_update(sha, line.text, line.len);
        rc = take_line(f, input, x, r, &line, e);
    }
    if (rc == LINE_TOO_LONG)
        err_set(e, EX_DATAERR, "%s:%lld is longer than %zu bytes: this is no file of replies",
                f->path, (long long)line.number, LINE_MAX_BYTES);
    line_reader_close(reader);
    sha256_final(sha, digest);
    sha256_free(sha);
    sha256_hex(digest, hex);
    snprintf(f->mark, sizeof f->mark, "%.*s", FAILED_MARK - 1, hex);
    return rc == LINE_END ? 0 : -1;
}

/* Is it the wrong file, or one without hope? An empty one is a job without failures. */
static int check(const struct failed *f, struct err *e)
{
    if (f->taken == 0 && f->left == 0 && f->answered > 0)
        return err_set(e, EX_DATAERR,
                       "%s holds %" PRIu32 " replies and no failure among them; name the error "
                       "file of the run",
                       f->path, f->answered);
    if (f->taken == 0 && f->left > 0)
        return err_set(e, EX_DATAERR,
                       "none of the %" PRIu32 " failures in %s is of a kind that the same request "
                       "can recover from; correct the requests, or send them all the same with "
                       "--retry-all",
                       f->left, f->path);
    return 0;
}

static void print_kinds(const struct failed *f, bool taken, FILE *to)
{
    const char *between = "";

    for (size_t i = 0; i < ARRAY_LEN(f->kinds); i++) {
        char name[sizeof f->kinds[0].name];

        if (f->kinds[i].count == 0 || f->kinds[i].taken != taken)
            continue;
        memcpy(name, f->kinds[i].name, sizeof name);
        fprintf(to, "%s%" PRIu32 " %s", between, f->kinds[i].count, utf8_plain(name));
        between = ", ";
    }
}

/* Which kinds are sent again and which are not. */
static void report(const struct failed *f, FILE *to)
{
    char path[256];

    snprintf(path, sizeof path, "%s", f->path);
    fprintf(to, "retry of %s: %" PRIu32 " taken", utf8_plain(path), f->taken);
    if (f->taken)
        fputs(": ", to);
    print_kinds(f, true, to);
    if (f->left) {
        fprintf(to, "; %" PRIu32 " left, since the same request fails again: ", f->left);
        print_kinds(f, false, to);
        fputs(" (--retry-all takes them too)", to);
    }
    fputc('\n', to);
}

int failed_select(struct failed *f, const char *input, struct index *x, struct err *e)
{
    size_t bytes = (size_t)index_rows(x) / 8 + 1;
    uint8_t *seen CLEANUP_FREE = mem_array(bytes, 1);
    uint8_t *taken CLEANUP_FREE = mem_array(bytes, 1);
    struct rows r = {.seen = seen, .taken = taken};

    if (read_lines(f, input, x, &r, e) < 0)
        return -1;
    report(f, stderr);
    if (check(f, e) < 0)
        return -1;
    for (uint32_t row = 0; row < index_rows(x); row++) {
        if (!(taken[row / 8] >> (row % 8) & 1))
            index_leave_out(x, row);
    }
    return 0;
}
