/* budget_file: see budget_file.h. What stands in the book is the business of policy/budget. */
#include "io/budget_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* All its blocks must be there: a full disk would otherwise end the process at a mere store to memory. */
static int make_room(int fd, const char *path, struct err *e)
{
    struct stat st;
    int rc = 0;

    if (fstat(fd, &st) < 0)
        return err_set(e, EX_IOERR, "cannot read %s: %s", path, strerror(errno));
    if (st.st_size != 0 && st.st_size != (off_t)sizeof(struct budget_book))
        return err_set(e, EX_DATAERR,
                       "%s is no record of what was spent, or a damaged one; delete it to count "
                       "from the beginning",
                       path);
    rc = posix_fallocate(fd, 0, (off_t)sizeof(struct budget_book));
    if (rc != 0)
        return err_set(e, EX_CANTCREAT, "cannot write %s: %s", path, strerror(rc));
    return 0;
}

/* One that was just made holds zeros only. */
static int begin(struct budget_file *f, const char *path, const char *owner, struct err *e)
{
    static const char nothing[sizeof f->book->magic];
    struct budget_book *b = f->book;
    bool blank = memcmp(b->magic, nothing, sizeof b->magic) == 0;

    if (!blank && memcmp(b->magic, BUDGET_MAGIC, sizeof b->magic) != 0)
        return err_set(e, EX_DATAERR,
                       "%s is no record of what was spent; delete it to count from the beginning",
                       path);
    f->fresh = blank || strncmp(b->at[0].name, owner, sizeof b->at[0].name) != 0;
    if (!f->fresh)
        return 0;
    memset(b, 0, sizeof *b);
    b->period = BUDGET_RUN;
    memcpy(b->at[0].name, owner, strlen(owner) + 1);
    memcpy(b->magic, BUDGET_MAGIC, sizeof b->magic);
    return 0;
}

int budget_file_open(struct budget_file *f, const char *path, const char *owner, struct err *e)
{
    CLEANUP(close_fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *at = MAP_FAILED;

    *f = (struct budget_file){.book = NULL};
    if (fd < 0)
        return err_set(e, EX_CANTCREAT, "cannot open %s: %s", path, strerror(errno));
    if (make_room(fd, path, e) < 0)
        return -1;
    at = mmap(NULL, sizeof *f->book, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return err_set(e, EX_OSERR, "cannot map %s: %s", path, strerror(errno));
    f->book = at;
    if (begin(f, path, owner, e) == 0)
        return 0;
    budget_file_close(f);
    return -1;
}

void budget_file_close(struct budget_file *f)
{
    if (!f->book)
        return;
    msync(f->book, sizeof *f->book,
          MS_SYNC); /* what fails here is written by the kernel, or lost with it */
    munmap(f->book, sizeof *f->book);
    f->book = NULL;
}
