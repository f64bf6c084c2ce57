/*
 * store_room: is there room on the disk to open the database? RocksDB writes its own log while it opens, and
 * aborts the process when that fails, so it must not be opened on a full disk. Asked by writing, because free
 * space says nothing about quotas and faults.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/store_int.h"

#define PROBE_BYTES ((size_t)1 << 20)
#define BLOCK_BYTES ((size_t)64 << 10)
#define PATH_BYTES  4096

static int write_probe(int fd)
{
    CLEANUP_FREE char *block = mem_alloc(BLOCK_BYTES);
    size_t done = 0;

    while (done < PROBE_BYTES) {
        ssize_t n = write(fd, block, BLOCK_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return fdatasync(fd); /* a network file system may say only now that it is full */
}

int store_has_room(const struct store *s, struct err *e)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_BYTES);
    int saved = 0;
    int fd = -1;

    buf_printf(&path, "%s/room", s->path);
    fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write_probe(fd) < 0)
        saved = errno;
    if (fd >= 0)
        close(fd);
    unlink(path.data);
    if (!saved)
        return 0;
    return err_set(
        e, EX_CANTCREAT,
        "cache.path: cannot open the store %s: %s; make room on its disk or choose another "
        "cache.path",
        s->path, strerror(saved));
}
