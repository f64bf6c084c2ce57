/*
 * broker: the embedded broker of `sluice dev` and of the tests: librdkafka's mock cluster with one node,
 * hosted by a handle of its own. Memory only, at most 5 MiB a partition, no transactions: never more than
 * a toy (design 3.1). Consumers must assign partitions themselves, its groups take seconds to form.
 *
 * The library has no way to choose the port. It binds inside rd_kafka_mock_cluster_new(), so this file
 * defines bind() for the whole program and looks at a thread-local wish that is set around that call;
 * every other bind() goes through unchanged.
 */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/mem.h"
#include "io/kafka/client.h"

struct kafka_broker {
    struct kafka_client client; /* hosts the cluster, talks to nobody */
    rd_kafka_mock_cluster_t *cluster;
};

static _Thread_local int wanted_port;

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    int (*real)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
    struct sockaddr_in wish;
    int on = 1;

    if (!wanted_port || len < sizeof wish || address->sa_family != AF_INET)
        return real(fd, address, len);
    memcpy(&wish, address, sizeof wish);
    wish.sin_port = htons((uint16_t)wanted_port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return real(fd, (const struct sockaddr *)&wish, sizeof wish);
}

/* The library gives up the whole process when it cannot bind, so that is found out before. 0: any free port. */
static bool can_bind(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = false;

    wanted_port = port;
    good = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    wanted_port = 0;
    if (fd >= 0)
        close(fd);
    return good;
}

struct kafka_broker *kafka_broker_new(int port, struct err *e)
{
    struct kafka_broker *b = mem_alloc(sizeof *b);
    struct config nothing = {0};

    if (!can_bind(port)) {
        err_set(e, EX_UNAVAILABLE,
                "the embedded broker cannot listen on 127.0.0.1:%d: %s; name another --port", port,
                strerror(errno));
        free(b);
        return NULL;
    }
    b->client.name = "broker";
    if (kafka_client_open(&b->client, RD_KAFKA_PRODUCER, &nothing, NULL, NULL, e) < 0) {
        free(b);
        return NULL;
    }
    wanted_port = port;
    b->cluster = rd_kafka_mock_cluster_new(b->client.rk, 1);
    wanted_port = 0;
    if (!b->cluster) {
        err_set(e, EX_UNAVAILABLE, "the embedded broker cannot start");
        return kafka_broker_free(b);
    }
    return b;
}

const char *kafka_broker_address(const struct kafka_broker *b)
{
    return rd_kafka_mock_cluster_bootstraps(b->cluster);
}

int kafka_broker_topic(struct kafka_broker *b, const char *name, int partitions, struct err *e)
{
    rd_kafka_resp_err_t err = rd_kafka_mock_topic_create(b->cluster, name, partitions, 1);

    if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return 0;
    return err_set(e, EX_SOFTWARE, "the embedded broker cannot create topic %s: %s", name,
                   rd_kafka_err2str(err));
}

struct kafka_broker *kafka_broker_free(struct kafka_broker *b)
{
    if (!b)
        return NULL;
    if (b->cluster)
        rd_kafka_mock_cluster_destroy(b->cluster);
    kafka_client_close(&b->client);
    free(b);
    return NULL;
}
