/*
 * sim_fixture: the simulator without sockets: a request goes in, a reply comes out.
 */
#ifndef SLUICE_TESTS_SIM_FIXTURE_H
#define SLUICE_TESTS_SIM_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/serve.h"

/* A chat request with more members. */
#define HI(extra) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" extra "}"

struct fixture {
    struct sim_setup setup;
    struct sim_state *state;
    struct json_tokener *tok;
    struct sim_reply reply;
    struct sim_ticket ticket;
};

static inline void start(struct fixture *f, const struct sim_conf *conf)
{
    struct err e = {0};

    *f = (struct fixture){.tok = json_tokener_new(), .state = mem_alloc(sizeof *f->state)};
    cr_assert_eq(sim_setup_init(&f->setup, conf, &e), 0, "%s", e.msg);
    sim_state_init(f->state, &f->setup, 0);
    sim_reply_init(&f->reply);
}

static inline void stop(struct fixture *f)
{
    sim_reply_done(&f->reply);
    sim_state_done(f->state);
    free(f->state);
    sim_setup_done(&f->setup);
    json_tokener_free(f->tok);
}

static inline const char *ask(struct fixture *f, const char *url, const char *body, int64_t now_us)
{
    struct sim_call c = {.url = url,
                         .key = "k",
                         .count = "",
                         .body = body,
                         .body_len = strlen(body),
                         .now_us = now_us,
                         .wall_ms = 1767225600000};

    sim_serve(f->state, f->tok, &c, &f->reply, &f->ticket);
    sim_state_end(f->state, &f->ticket, SIM_DELIVERED);
    return f->reply.body.data;
}

struct exchange {
    const char *url, *body;
    int status;
    const char *has; /* part of the answer, which is JSON */
};

static inline void check_exchanges(const struct sim_conf *conf, const struct exchange *rows,
                                   size_t n)
{
    struct fixture f;

    start(&f, conf);
    for (size_t i = 0; i < n; i++) {
        const char *body = ask(&f, rows[i].url, rows[i].body, 1);
        struct json_object *o = json_tokener_parse(body);

        cr_expect_eq(f.reply.status, rows[i].status, "%s %s: %d", rows[i].url, rows[i].body,
                     f.reply.status);
        cr_expect(strstr(body, rows[i].has), "%s: %s", rows[i].body, body);
        cr_expect_not_null(o, "no JSON: %s", body);
        json_object_put(o);
    }
    stop(&f);
}

#endif
