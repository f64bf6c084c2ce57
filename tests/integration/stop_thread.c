/*
 * stop_thread: makes one thread of another process stand still, as one does that hangs, while the others go on: for the
 * tests of what a worker then says of itself.
 *
 *   stop_thread PID NAME
 *
 * NAME is that of the thread (its comm), "main" for the first one. Prints "stopped" and holds it until one of
 * the two is killed. Exit code 77: this machine does not allow it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_called(const char *pid, const char *tid, const char *name)
{
    char path[512], comm[64];
    FILE *f;

    if (strcmp(name, "main") == 0)
        return strcmp(pid, tid) == 0;
    snprintf(path, sizeof path, "/proc/%s/task/%s/comm", pid, tid);
    f = fopen(path, "r");
    if (!f)
        return false;
    if (!fgets(comm, sizeof comm, f))
        comm[0] = 0;
    comm[strcspn(comm, "\n")] = 0;
    fclose(f);
    return strcmp(comm, name) == 0;
}

static pid_t find(const char *pid, const char *name)
{
    char path[64];
    pid_t ret = 0;
    DIR *d;

    snprintf(path, sizeof path, "/proc/%s/task", pid);
    d = opendir(path);
    for (struct dirent *f; d && !ret && (f = readdir(d));)
        if (f->d_name[0] != '.' && is_called(pid, f->d_name, name))
            ret = (pid_t)strtol(f->d_name, NULL, 10);
    if (d)
        closedir(d);
    return ret;
}

int main(int argc, char **argv)
{
    pid_t tid = argc == 3 ? find(argv[1], argv[2]) : 0;
    int status;

    if (!tid) {
        fprintf(stderr, "stop_thread: no such thread; usage: stop_thread PID NAME\n");
        return 64;
    }
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0) {
        fprintf(stderr, "stop_thread: %s\n", strerror(errno));
        return 77;
    }
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0 || waitpid(tid, &status, __WALL) != tid) {
        fprintf(stderr, "stop_thread: %s\n", strerror(errno));
        return 1;
    }
    puts("stopped");
    fflush(stdout);
    /* Its end has to be taken note of here, or the process would not go away. */
    while (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status))
        ;
    return 0;
}
