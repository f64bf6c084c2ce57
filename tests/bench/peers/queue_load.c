/*
 * queue_load: asks through a pair of topics and measures the replies, whoever gives them.
 *
 *     queue_load BROKER REQUESTS REPLIES BODIES COUNT WINDOW SECONDS NAME [WARM MOST]
 *
 * Sends COUNT requests, of which never more than WINDOW are unanswered, round robin over the partitions, and ends
 * when all are answered or SECONDS are over. Line i of the file BODIES is the body of request i (again from the top when
 * there are fewer); its key and custom_id are NAME-i, which has to be the key of its reply. With WARM it asks so many
 * seconds more before that, and on until WINDOW requests are answered, but not for more than MOST seconds, without a
 * break in between; then it writes the line "window" and counts from there: what is measured has neither a beginning
 * nor an end of the work in it. One JSON object on stdout: how many were sent, answered, good (a chat completion) and
 * repeated; good replies that came meanwhile to somebody else's requests (earlier); replies before what is measured
 * (before); seconds that were measured; milliseconds from a request handed to the producer to its reply in the reader's
 * hands.
 */
#include <librdkafka/rdkafka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/lib/kafka_ends.h"

#define LINGER_MS "2"
#define WAIT_MS   2
#define KEY_MAX   64
#define VALUE_MAX 65536
#define ANSWERED  (-1)

struct body {
    const char *text;
    size_t len;
};

struct load {
    rd_kafka_t *producer, *reader;
    const char *requests, *name;
    int32_t partitions;
    struct body *bodies;
    int64_t n_bodies;
    int64_t count, window, sent, answered;
    int64_t *sent_us; /* of each request; ANSWERED from its reply on */
    /* Since the beginning of what is measured: */
    int64_t good, repeated, earlier;
    int64_t *late_us, n_late; /* of each reply */
    int64_t before;           /* answered until then */
    int64_t first_us, last_us;
};

static const char *map_file(const char *path, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *at;

    if (fd < 0 || fstat(fd, &st) != 0)
        kafka_ends_die(path, strerror(errno));
    at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        kafka_ends_die(path, strerror(errno));
    close(fd);
    *ret_len = (size_t)st.st_size;
    return at;
}

static void *allocate(int64_t n, size_t size)
{
    void *at = calloc((size_t)n, size);

    if (!at)
        kafka_ends_die("memory", strerror(errno));
    return at;
}

static void read_bodies(struct load *l, const char *path)
{
    size_t len;
    const char *at = map_file(path, &len), *end = at + len, *line_end;

    l->bodies = allocate(l->count, sizeof *l->bodies);
    while (at < end && l->n_bodies < l->count) {
        line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end)
            line_end = end;
        l->bodies[l->n_bodies++] = (struct body){at, (size_t)(line_end - at)};
        at = line_end + 1;
    }
    if (l->n_bodies == 0)
        kafka_ends_die(path, "there is no line in it");
}

/* False when the producer's queue is full. */
static bool ask(struct load *l)
{
    static char value[VALUE_MAX];
    const struct body *b = &l->bodies[l->sent % l->n_bodies];
    char key[KEY_MAX];
    rd_kafka_resp_err_t err;
    int n;

    snprintf(key, sizeof key, "%s-%lld", l->name, (long long)l->sent);
    n = snprintf(value, sizeof value, "{\"custom_id\":\"%s\",\"body\":%.*s}", key, (int)b->len,
                 b->text);
    if (n >= VALUE_MAX)
        kafka_ends_die(key, "its body is too long");
    l->sent_us[l->sent] = clock_mono_us();
    err = rd_kafka_producev(l->producer, RD_KAFKA_V_TOPIC(l->requests),
                            RD_KAFKA_V_PARTITION((int32_t)(l->sent % l->partitions)),
                            RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(value, (size_t)n),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return false;
    if (err)
        kafka_ends_die(l->requests, rd_kafka_err2str(err));
    l->sent++;
    return true;
}

/* The number of our request that has this key; -1 when it is none of ours. */
static int64_t request_of(const struct load *l, const rd_kafka_message_t *m)
{
    size_t prefix = strlen(l->name);
    char key[KEY_MAX], *end;
    long long i;

    snprintf(key, sizeof key, "%.*s", (int)m->key_len, m->key ? (const char *)m->key : "");
    if (strncmp(key, l->name, prefix) != 0 || key[prefix] != '-')
        return -1;
    i = strtoll(key + prefix + 1, &end, 10);
    return *end || i < 0 || i >= l->sent ? -1 : i;
}

static bool is_completion(const rd_kafka_message_t *m)
{
    static const char mark[] = "\"finish_reason\"";

    return memmem(m->payload, m->len, mark, sizeof mark - 1) != NULL;
}

static void count_reply(struct load *l, const rd_kafka_message_t *m)
{
    int64_t i = request_of(l, m);

    if (i < 0) {
        l->earlier += is_completion(m);
        return;
    }
    if (l->sent_us[i] == ANSWERED) {
        l->repeated++;
        return;
    }
    l->last_us = clock_mono_us();
    l->late_us[l->n_late++] = l->last_us - l->sent_us[i];
    l->sent_us[i] = ANSWERED;
    l->answered++;
    l->good += is_completion(m);
}

/* All replies that are here; waits for the first. */
static void take_replies(struct load *l, int64_t until_us)
{
    rd_kafka_message_t *m;
    int wait = WAIT_MS;

    while (clock_mono_us() < until_us && (m = rd_kafka_consumer_poll(l->reader, wait))) {
        if (!m->err)
            count_reply(l, m);
        rd_kafka_message_destroy(m);
        wait = 0;
    }
}

/* Until so many are answered or it is so late. */
static void ask_until(struct load *l, int64_t answers, int64_t until_us)
{
    while (l->answered < answers && clock_mono_us() < until_us) {
        for (int burst = 0; burst < 1000; burst++)
            if (l->sent == l->count || l->sent - l->answered >= l->window || !ask(l))
                break;
        rd_kafka_poll(l->producer, 0);
        take_replies(l, until_us);
    }
}

static void begin(struct load *l)
{
    l->good = l->repeated = l->earlier = l->n_late = 0;
    l->before = l->answered;
    l->first_us = l->last_us = clock_mono_us();
}

static void warm_up(struct load *l, int64_t warm, int64_t most)
{
    int64_t most_us = l->first_us + most * 1000000;

    ask_until(l, l->window, most_us); /* of a slow peer: what is out at once has been out once */
    ask_until(l, l->count, l->first_us + warm * 1000000);
}

static void run(struct load *l, int64_t seconds, int64_t warm, int64_t most)
{
    begin(l);
    if (warm > 0) {
        warm_up(l, warm, most);
        begin(l);
        printf("window\n");
        fflush(stdout);
    }
    ask_until(l, l->count, l->first_us + seconds * 1000000);
    if (l->answered < l->count)
        l->last_us = clock_mono_us();
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static double quantile_ms(const int64_t *sorted, int64_t n, double q)
{
    return n == 0 ? 0 : (double)sorted[(int64_t)(q * (double)(n - 1))] / 1000;
}

static void report(struct load *l)
{
    int64_t n = l->n_late;

    qsort(l->late_us, (size_t)n, sizeof *l->late_us, compare);
    printf("{\"sent\":%lld,\"answered\":%lld,\"good\":%lld,\"repeated\":%lld,\"earlier\":%lld,"
           "\"all\":%s,\"before\":%lld,\"seconds\":%.3f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
           (long long)l->sent, (long long)n, (long long)l->good, (long long)l->repeated,
           (long long)l->earlier, l->answered == l->count ? "true" : "false", (long long)l->before,
           (double)(l->last_us - l->first_us) / 1e6, quantile_ms(l->late_us, n, 0.5),
           quantile_ms(l->late_us, n, 0.99), quantile_ms(l->late_us, n, 1));
}

int main(int argc, char **argv)
{
    struct load l = {0};
    int64_t seconds, warm = 0, most = 0;

    kafka_ends_program = "queue_load";
    if (argc != 9 && argc != 11) {
        fprintf(stderr, "usage: queue_load BROKER REQUESTS REPLIES BODIES COUNT WINDOW SECONDS "
                        "NAME [WARM MOST]\n");
        return EX_USAGE;
    }
    l.requests = argv[2];
    l.count = kafka_ends_number(argv[5]);
    l.window = kafka_ends_number(argv[6]);
    seconds = kafka_ends_number(argv[7]);
    l.name = argv[8];
    if (argc == 11) {
        warm = kafka_ends_number(argv[9]);
        most = kafka_ends_number(argv[10]);
    }
    l.sent_us = allocate(l.count, sizeof *l.sent_us);
    l.late_us = allocate(l.count, sizeof *l.late_us);
    read_bodies(&l, argv[4]);
    l.producer = kafka_ends_client(RD_KAFKA_PRODUCER, argv[1], LINGER_MS);
    l.partitions = kafka_ends_partitions(l.producer, l.requests);
    l.reader = kafka_ends_client(RD_KAFKA_CONSUMER, argv[1], LINGER_MS);
    kafka_ends_read_from_end(l.reader, argv[3]);
    run(&l, seconds, warm, most);
    report(&l);
    fflush(stdout);
    return 0;
}
