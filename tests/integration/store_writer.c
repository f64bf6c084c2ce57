/*
 * store_writer: the victim of test-store-kill.sh. `write DIR FROM` stores outcomes and completions
 * and prints the number of each as it is reported done, until it is killed. `read DIR` reads such
 * numbers from its input and checks that all of them are there. `hold ROOT` takes a slot, as a
 * worker does, says so, and keeps its store open until its input ends; test-cache.sh changes it
 * meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/io/store_fixture.h"

#define AHEAD 64

struct job {
    struct store_op op;
    struct completion *completion;
    char key[32];
    uint8_t digest[SHA256_LEN];
    long number;
};

static struct store *store;
static uint8_t fingerprint[16] = "0123456789abcdef";

static void submit(struct job *j);

/* The acknowledgement leaves the process at once, so that it counts when the kill comes next. */
static void written(struct store_op *op)
{
    struct job *j = op->arg;
    char line[32];
    int n = snprintf(line, sizeof line, "%ld\n", j->number);

    if (op->abandoned || write(STDOUT_FILENO, line, (size_t)n) != n)
        _exit(1);
    j->number += AHEAD;
    submit(j);
}

static void submit(struct job *j)
{
    snprintf(j->key, sizeof j->key, "job/%ld", j->number);
    fixture_key((uint64_t)j->number, j->digest);
    j->op = (struct store_op){.journal_key = (const uint8_t *)j->key,
                              .journal_key_len = strlen(j->key),
                              .fingerprint = fingerprint,
                              .ok = true,
                              .status = 200,
                              .reply = j->key,
                              .reply_len = strlen(j->key),
                              .completion_key = j->digest,
                              .completion = j->completion,
                              .done = written,
                              .arg = j};
    store_submit(store, &j->op);
}

static void write_until_killed(long from)
{
    struct job *jobs = mem_array(AHEAD, sizeof *jobs);

    for (int i = 0; i < AHEAD; i++) {
        jobs[i].number = from + i;
        jobs[i].completion = fixture_completion("fast", "{\"some\":\"answer\"}");
        submit(&jobs[i]);
    }
    for (;;)
        pause();
}

static bool is_there(long number)
{
    struct completion *c = NULL;
    uint8_t digest[SHA256_LEN];
    struct outcome o = {0};
    char key[32];
    bool there;

    snprintf(key, sizeof key, "job/%ld", number);
    fixture_key((uint64_t)number, digest);
    there =
        store_get_outcome(store, (const uint8_t *)key, strlen(key), fingerprint, &o, NULL) == 0 &&
        strcmp(o.reply, key) == 0 &&
        store_get_completion(store, digest, 0, &c, NULL) == STORE_FOUND;
    free(o.reply);
    completion_unref(c);
    return there;
}

static int read_back(void)
{
    long number, all = 0, lost = 0;

    while (scanf("%ld", &number) == 1) {
        all++;
        lost += !is_there(number);
    }
    printf("%ld reported done, %ld lost\n", all, lost);
    store_free(store);
    return lost > 0 || all == 0;
}

static int hold(const char *root, const struct config *config)
{
    struct err e = {0};
    struct slot slot;

    if (slot_take(&slot, root, -1, &e) == 0)
        store = store_open(slot.path, config, &e);
    if (!store) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    puts("held");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    store_free(store);
    slot_release(&slot);
    return 0;
}

int main(int argc, char **argv)
{
    struct config config = fixture_config();
    struct err e = {0};

    if (argc < 3)
        return 64;
    if (strcmp(argv[1], "hold") == 0)
        return hold(argv[2], &config);
    store = store_open(argv[2], &config, &e);
    if (!store) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    if (strcmp(argv[1], "write") == 0)
        write_until_killed(argc > 3 ? strtol(argv[3], NULL, 10) : 0);
    return read_back();
}
