/* resume: reads the ids of an output's lines; see resume.h. Changes no file. */
#include "cmd/jobs/resume.h"

#include <string.h>
#include <sysexits.h>

#include "io/jsonl.h"
#include "task/reply.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)

int resume_read(const char *path, int (*take)(void *arg, const char *id, size_t len), void *arg,
                struct err *e)
{
    struct line_reader *r = line_reader_open(path, LINE_MAX_BYTES, e);
    struct line line;
    int rc = 0;

    if (!r)
        return -1;
    while ((rc = line_reader_next(r, &line, e)) == LINE_GOOD) {
        struct reply_view v = {0};

        if (reply_read(line.text, line.len, &v, e) < 0)
            break;
        take(arg, v.custom_id, strlen(v.custom_id));
        reply_view_done(&v);
    }
    line_reader_close(r);
    if (rc == LINE_END)
        return 0;
    if (rc < 0)
        return -1;
    return err_set(e, EX_CANTCREAT, "%s:%lld is no reply line; name another output", path,
                   (long long)line.number);
}
