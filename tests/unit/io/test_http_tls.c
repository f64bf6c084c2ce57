/* Tests of the HTTP engine over TLS: certificates and what a call says about them. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "http_rig.h"

static const struct fake_script scripts[] = {{.path = NULL}};

static struct http_rig rig;

static void set_up(void)
{
    static const struct http_conf conf = {
        .max_calls = 200, .response_max = 100000, .headers_max = 4096};

    rig_open(&rig, scripts, &conf);
}

static void tear_down(void)
{
    rig_close(&rig);
}

TestSuite(http_tls, .init = set_up, .fini = tear_down, .timeout = 60);

/* A TLS server: openssl's own, with a certificate made for the test. */
struct tls_server {
    pid_t pid;
    int port;
    char dir[64];
    char cert[96];
};

static void tls_start(struct tls_server *s, const char *alt_name)
{
    char cmd[600];
    char line[256] = "";
    int out[2];
    FILE *f = NULL;

    snprintf(s->dir, sizeof s->dir, "/tmp/sluice-test-XXXXXX");
    cr_assert_not_null(mkdtemp(s->dir));
    snprintf(s->cert, sizeof s->cert, "%s/cert.pem", s->dir);
    snprintf(cmd, sizeof cmd,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
             "-subj /CN=test -addext subjectAltName=%s -keyout %s/key.pem -out %s 2>/dev/null",
             alt_name, s->dir, s->cert);
    cr_assert_eq(system(cmd), 0, "openssl is needed for this test");
    cr_assert_eq(pipe(out), 0);
    snprintf(cmd, sizeof cmd,
             "exec openssl s_server -accept 127.0.0.1:0 -cert %s -key %s/key.pem -www 2>/dev/null",
             s->cert, s->dir);
    s->pid = fork();
    if (s->pid == 0) {
        dup2(out[1], 1);
        execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    f = fdopen(out[0], "r");
    while (fgets(line, sizeof line, f) && strncmp(line, "ACCEPT ", 7) != 0)
        ;
    cr_assert_not_null(strrchr(line, ':'), "s_server says where it listens: '%s'", line);
    s->port = (int)strtol(strrchr(line, ':') + 1, NULL, 10);
    fclose(f);
}

static void tls_stop(struct tls_server *s)
{
    char cmd[100];

    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    snprintf(cmd, sizeof cmd, "rm -r %s", s->dir);
    cr_expect_eq(system(cmd), 0);
}

Test(http_tls, tls)
{
    static const struct {
        const char *alt_name;
        bool own_ca;
        bool verify;
        enum http_end end;
    } rows[] = {
        {"IP:127.0.0.1", true, true, HTTP_DONE},
        {"IP:127.0.0.1", false, true, HTTP_TLS},  /* nobody vouches for it */
        {"DNS:other.test", true, true, HTTP_TLS}, /* of another host */
        {"DNS:other.test", false, false, HTTP_DONE},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct tls_server s;
        struct http_call c;
        char url[64];

        tls_start(&s, rows[i].alt_name);
        snprintf(url, sizeof url, "https://127.0.0.1:%d/", s.port);
        rig_call_url(&rig, &c, url);
        c.request.get = true;
        c.ca_file = rows[i].own_ca ? s.cert : NULL;
        c.tls_verify = rows[i].verify;
        rig_do(&rig, &c);
        cr_expect_eq(c.response.end, rows[i].end, "%zu: %d %s", i, c.response.end,
                     c.response.detail);
        cr_expect_eq(c.response.status, rows[i].end == HTTP_DONE ? 200 : 0);
        rig_call_done(&c);
        tls_stop(&s);
    }
}

Test(http_tls, tls_settings_of_a_call_hold_on_a_reused_handle)
{
    static const enum http_end ends[] = {HTTP_DONE, HTTP_TLS, HTTP_DONE, HTTP_TLS};
    struct tls_server s;
    char url[64];
    size_t i = 0;

    tls_start(&s, "IP:127.0.0.1");
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", s.port);
    for (i = 0; i < ARRAY_LEN(ends); i++) {
        struct http_call c;

        rig_call_url(&rig, &c, url);
        c.request.get = true;
        c.ca_file = i == 0 ? s.cert : NULL;
        c.tls_verify = i != 2;
        rig_do(&rig, &c);
        cr_expect_eq(c.response.end, ends[i], "%zu: %s", i, c.response.detail);
        rig_call_done(&c);
    }
    tls_stop(&s);
}

Test(http_tls, missing_ca_file)
{
    struct http_call c;
    char url[64];

    snprintf(url, sizeof url, "https://127.0.0.1:%d/ok", fake_http_port(rig.server));
    rig_call_url(&rig, &c, url);
    c.ca_file = "/nonexistent/ca.pem";
    rig_do(&rig, &c);
    cr_expect_eq(c.response.end, HTTP_TLS, "%s", c.response.detail);
    rig_call_done(&c);
}
