/*
 * endtxn_proxy: stands between a Kafka client and its broker and does to one EndTxn request what a bad
 * network may do: the request is kept, the client's connection is cut, so that the client repeats it on
 * another one, and much later, on SIGUSR1, the kept one arrives at the broker after all.
 *
 *   endtxn_proxy PORT BROKER_PORT N
 *
 * Listens on PORT, connects each client to BROKER_PORT, both on 127.0.0.1, and keeps the N-th EndTxn. Lines
 * on stdout: "listening", "kept", "released error=CODE" with the broker's answer to the late request. One
 * thread for each direction of a connection; ends by a signal.
 *
 * Frames and EndTxn (api key 26, answer: throttle time and error code): the Kafka protocol guide.
 */
#include <endian.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define END_TXN   26
#define FRAME_MAX (64 << 20)

struct pipe_ends {
    int from, to;
    bool requests; /* from the client to the broker */
};

static int broker_port;
static int keep_at; /* which EndTxn */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int seen;      /* EndTxn requests so far */
static uint8_t *kept; /* frame with its length before it */
static uint32_t kept_len;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static bool read_all(int fd, void *buf, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t r = read(fd, (char *)buf + got, n - got);

        if (r <= 0)
            return false;
        got += (size_t)r;
    }
    return true;
}

static bool write_all(int fd, const void *buf, size_t n)
{
    for (size_t put = 0; put < n;) {
        ssize_t w = send(fd, (const char *)buf + put, n - put, MSG_NOSIGNAL);

        if (w <= 0)
            return false;
        put += (size_t)w;
    }
    return true;
}

static int number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (end == text || *end || n <= 0 || n > 65535)
        die(text);
    return (int)n;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)port)};
}

static int connect_broker(void)
{
    struct sockaddr_in at = loopback(broker_port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

/* A frame with its length before it; NULL at the end of the stream. */
static uint8_t *read_frame(int fd, uint32_t *ret_len)
{
    uint32_t wire, len;
    uint8_t *frame;

    if (!read_all(fd, &wire, sizeof wire))
        return NULL;
    len = be32toh(wire);
    if (len > FRAME_MAX || !(frame = malloc(len + sizeof wire)))
        return NULL;
    memcpy(frame, &wire, sizeof wire);
    if (!read_all(fd, frame + sizeof wire, len)) {
        free(frame);
        return NULL;
    }
    *ret_len = len + (uint32_t)sizeof wire;
    return frame;
}

/* Is this the request to keep? Then it is kept. */
static bool keep(uint8_t *frame, uint32_t len)
{
    uint16_t key;
    bool mine = false;

    if (len < 6)
        return false;
    memcpy(&key, frame + 4, sizeof key);
    if (be16toh(key) != END_TXN)
        return false;
    pthread_mutex_lock(&lock);
    if (++seen == keep_at) {
        kept = frame;
        kept_len = len;
        mine = true;
    }
    pthread_mutex_unlock(&lock);
    return mine;
}

static void *pump(void *arg)
{
    struct pipe_ends *p = arg;
    uint8_t *frame;
    uint32_t len;

    while ((frame = read_frame(p->from, &len))) {
        if (p->requests && keep(frame, len)) {
            printf("kept\n");
            break;
        }
        if (!write_all(p->to, frame, len)) {
            free(frame);
            break;
        }
        free(frame);
    }
    shutdown(p->from, SHUT_RDWR);
    shutdown(p->to, SHUT_RDWR);
    free(p);
    return NULL; /* the descriptors stay: the other direction may still look at them */
}

static void start_pump(int from, int to, bool requests)
{
    struct pipe_ends *p = malloc(sizeof *p);
    pthread_t t;

    *p = (struct pipe_ends){from, to, requests};
    if (pthread_create(&t, NULL, pump, p))
        die("pthread_create");
    pthread_detach(t);
}

/* Waits for SIGUSR1, then lets the kept request arrive. */
static void *releaser(void *arg)
{
    uint16_t code = 0;
    uint32_t len;
    uint8_t *answer;
    int sig, fd;

    while (sigwait(arg, &sig) == 0) {
        pthread_mutex_lock(&lock);
        fd = kept ? connect_broker() : -1;
        if (fd >= 0 && write_all(fd, kept, kept_len) && (answer = read_frame(fd, &len)) &&
            len >= 14) {
            memcpy(&code, answer + 12, sizeof code); /* length, correlation id, throttle time */
            printf("released error=%d\n", (int16_t)be16toh(code));
        } else {
            printf("not released\n");
        }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static int listen_on(int port)
{
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 64))
        die("listen");
    printf("listening\n");
    return fd;
}

int main(int argc, char **argv)
{
    static sigset_t set;
    pthread_t t;
    int listener;

    if (argc != 4) {
        fprintf(stderr, "endtxn_proxy PORT BROKER_PORT N\n");
        return 64;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    broker_port = number(argv[2]);
    keep_at = number(argv[3]);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&t, NULL, releaser, &set))
        die("pthread_create");
    listener = listen_on(number(argv[1]));
    for (;;) {
        int client = accept(listener, NULL, NULL);
        int broker = client < 0 ? -1 : connect_broker();
        int one = 1;

        if (client < 0)
            die("accept");
        if (broker < 0) {
            close(client);
            continue;
        }
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        start_pump(client, broker, true);
        start_pump(broker, client, false);
    }
}
