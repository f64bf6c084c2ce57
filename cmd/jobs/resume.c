/* resume: reads the ids of an output's lines; see resume.h. Writes nothing. */
#include "cmd/jobs/resume.h"

#include <string.h>
#include <sysexits.h>

#include "task/reply.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)

/* Puts the place before what e says is wrong with the line. */
static int refuse(const char *path, const struct line *line, struct err *e)
{
    err_wrap(e, "%s:%lld is no reply line; name another output", path, (long long)line->number);
    if (e)
        e->code = EX_CANTCREAT;
    return -1;
}

static int take_line(const struct resume *r, const char *path, const struct line *line,
                     struct err *e)
{
    struct reply_view v = {0};
    int rc = 0;

    if (reply_read(line->text, line->len, &v, e) < 0)
        return refuse(path, line, e);
    if (r->take(r->arg, v.custom_id, strlen(v.custom_id)) < 0 && r->input)
        rc = err_set(e, EX_CANTCREAT,
                     "%s:%lld: \"%.100s\" is not in %s; this output belongs to another input: name "
                     "another output",
                     path, (long long)line->number, v.custom_id, r->input);
    if (rc == 0 && r->see)
        r->see(r->arg, &v);
    reply_view_done(&v);
    return rc;
}

static int read_lines(const struct resume *r, const char *path, struct err *e)
{
    struct line_reader *reader = line_reader_open(path, LINE_MAX_BYTES, e);
    struct line line;
    int rc = 0;

    if (!reader)
        return -1;
    while ((rc = line_reader_next(reader, &line, e)) == LINE_GOOD) {
        rc = take_line(r, path, &line, e);
        if (rc < 0)
            break;
    }
    line_reader_close(reader);
    if (rc == LINE_TOO_LONG) {
        err_set(e, 0, "it is longer than %zu bytes", LINE_MAX_BYTES);
        return refuse(path, &line, e);
    }
    return rc < 0 ? -1 : 0;
}

int resume_open(const struct resume *r, const char *path, struct line_writer **ret, struct err *e)
{
    *ret = line_writer_open(path, e);
    if (!*ret)
        return -1;
    return line_writer_is_file(*ret) ? read_lines(r, path, e) : 0;
}
