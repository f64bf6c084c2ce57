/* What a job leaves behind for `sluice runs`, and what is made of it. */
#include <fcntl.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/jobs/status.h"
#include "cmd/jobs/whole_file.h"
#include "cmd/runs/entry.h"
#include "cmd/runs/find.h"
#include "cmd/runs/view.h"
#include "io/jsonl.h"
#include "scratch.h"

static struct scratch scratch;

static void setup(void)
{
    scratch_open(&scratch);
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(status, .init = setup, .fini = teardown);

static const struct status_about about = {
    .kind = "batch", .id = "1f", .input = "in.jsonl", .output = "out.jsonl"};

static const struct progress_view half = {.done = 50,
                                          .total = 100,
                                          .resumed = 10,
                                          .failed = 2,
                                          .cached = 3,
                                          .coalesced = 1,
                                          .in_flight = 7,
                                          .cost_usd = 1.5,
                                          .limited_by = "fast/\"quoted\"",
                                          .phase = "running"};

/* The state of out.jsonl, to be freed. */
static char *state_now(void)
{
    struct json_object *o CLEANUP_JSON = NULL;
    struct err e = {0};

    cr_assert_eq(entry_load("out.jsonl", &o, &e), ENTRY_LOADED, "%s", e.msg);
    return mem_strdup(json_get_str(o, "state"));
}

static void expect_state(const char *want)
{
    char *state CLEANUP_FREE = state_now();

    cr_expect_str_eq(state, want);
}

Test(status, from_beginning_to_end)
{
    struct line_writer *out = line_writer_open("out.jsonl", NULL);
    struct status s = {0};
    struct err none = {0};

    cr_assert(out);
    status_begin(&s, &about, 100, 10);
    expect_state("running");
    status_note(&s, &half, 1, true);
    expect_state("running");
    status_end(&s, 75, &none);
    expect_state("stopped");
    line_writer_close(out);
    expect_state("stopped");
}

Test(status, a_process_that_is_gone_is_told_by_the_lock)
{
    struct line_writer *out = line_writer_open("out.jsonl", NULL);
    struct status s = {0};

    status_begin(&s, &about, 100, 0);
    expect_state("running");
    line_writer_close(out); /* as the kernel does for a process that was killed */
    expect_state("interrupted");
}

Test(status, holds_the_whole_job)
{
    struct json_object *o CLEANUP_JSON = NULL;
    struct reply_view failed = {.ok = false, .cost_usd = 0.5};
    struct reply_view unpriced = {.ok = true, .cost_usd = -1};
    struct status s = {0};
    struct err why = {.msg = "no \"room\""};

    status_old(&s, &failed);
    status_old(&s, &unpriced);
    status_begin(&s, &about, 100, 10);
    status_note(&s, &half, 1, true);
    status_end(&s, EX_IOERR, &why);
    cr_assert_eq(entry_load("out.jsonl", &o, NULL), ENTRY_LOADED);
    cr_expect_str_eq(json_get_str(o, "state"), "failed");
    cr_expect_str_eq(json_get_str(o, "why"), "no \"room\"");
    cr_expect_str_eq(json_get_str(o, "path"), "out.jsonl");
    cr_expect_eq(json_get_int(o, "exit_code", -1), EX_IOERR);
    cr_expect_eq(json_get_int(o, "total", -1), 100);
    cr_expect_eq(json_get_int(o, "done", -1), 50);
    cr_expect_eq(json_get_int(o, "failed", -1), 3, "with those of earlier runs");
    cr_expect_eq(json_get_int(o, "cached", -1), 4);
    cr_expect_float_eq(json_object_get_double(json_get(o, "cost_usd")), 2.0, 1e-9);
    cr_expect_eq(json_get_int(o, "cost_unknown", -1), 1);
    cr_expect(json_get_str(o, "started_at") && json_get_str(o, "ended_at"));
}

Test(status, a_file_of_another_program_stays)
{
    static const char *const texts[] = {"Package: x\n", "{\"Version\":1}"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct status s = {0};
        struct err none = {0};

        scratch_write("out.jsonl.status", texts[i]);
        status_begin(&s, &about, 1, 0);
        status_note(&s, &half, 1, true);
        status_end(&s, 0, &none);
        cr_expect(whole_file_is_foreign("out.jsonl.status", "kind"), "%s", texts[i]);
    }
    scratch_write("out.jsonl.status", "");
    cr_expect_not(whole_file_is_foreign("out.jsonl.status", "kind"), "left by a crash");
    cr_expect_not(whole_file_is_foreign("gone", "kind"));
}

Test(status, words_for_an_end)
{
    static const struct {
        int code;
        uint64_t done, total;
        const char *word;
    } rows[] = {
        {0, 10, 10, "finished"}, {1, 10, 10, "finished"}, {1, 10, 0, "finished"},
        {0, 5, 10, "stopped"}, /* --limit */
        {75, 5, 10, "stopped"},  {130, 5, 10, "stopped"}, {143, 5, 10, "stopped"},
        {74, 5, 10, "failed"},   {77, 5, 10, "failed"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(status_word(rows[i].code, rows[i].done, rows[i].total), rows[i].word,
                         "exit code %d", rows[i].code);
}

Test(status, a_pipe_has_none)
{
    struct status_about to_pipe = {.kind = "batch", .output = "-"};
    struct status s = {0};
    struct err none = {0};

    status_begin(&s, &to_pipe, 1, 0);
    status_note(&s, &half, 1, true);
    status_end(&s, 0, &none);
    cr_expect_neq(access("-.status", F_OK), 0);
}

Test(runs, other_manifests)
{
    static const struct {
        const char *file, *text, *stem, *kind, *state;
    } rows[] = {
        {"a.job", "{\"job\":\"x\",\"rows\":3}", "a", "batch", "unknown"},
        {"b.run", "{\"run\":\"r\",\"rows\":3,\"sent\":3}", "b", "enqueue", "sent"},
        {"c.run", "{\"run\":\"r\",\"rows\":3,\"sent\":2}", "c", "enqueue", "unsent"},
    };

    setup();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_object *o CLEANUP_JSON = NULL;

        scratch_write(rows[i].file, rows[i].text);
        cr_assert_eq(entry_load(rows[i].stem, &o, NULL), ENTRY_LOADED, "%s", rows[i].file);
        cr_expect_str_eq(json_get_str(o, "kind"), rows[i].kind);
        cr_expect_str_eq(json_get_str(o, "state"), rows[i].state);
        cr_expect_eq(json_get_int(o, "total", 0), 3);
    }
    teardown();
}

Test(runs, each_job_once_and_the_last_first)
{
    struct found f;
    struct err e = {0};

    setup();
    scratch_write(
        "old.status",
        "{\"kind\":\"batch\",\"state\":\"finished\",\"started_at\":\"2026-01-01T00:00:00Z\"}");
    scratch_write(
        "new.status",
        "{\"kind\":\"batch\",\"state\":\"finished\",\"started_at\":\"2026-02-01T00:00:00Z\"}");
    scratch_write("new.job", "{\"job\":\"x\",\"rows\":3}");
    scratch_write("new.run", "{\"run\":\"r\",\"rows\":3,\"sent\":3}");
    scratch_write("plain.run", "{\"run\":\"r\",\"rows\":3,\"sent\":3}");
    scratch_write("bad.status", "{");
    scratch_write("notes.txt", "no job");
    scratch_write("dpkg.status", "Package: of another program\n");
    scratch_write("other.status", "{\"state\":\"of another program\"}");
    cr_assert_eq(find_runs(".", &f, &e), 0, "%s", e.msg);
    cr_assert_eq(f.count, 3);
    cr_expect_str_eq(json_get_str(f.at[0], "path"), "./new");
    cr_expect_str_eq(json_get_str(f.at[1], "path"), "./old");
    cr_expect_str_eq(json_get_str(f.at[2], "path"), "./plain");
    cr_expect_eq(f.damaged, 1);
    found_done(&f);
    cr_expect_eq(find_runs("notes.txt", &f, &e), -1);
    cr_expect_eq(e.code, EX_NOINPUT);
    teardown();
}

/* Whatever a file says, a terminal sees text. */
Test(runs, nothing_in_a_file_reaches_the_terminal_as_it_is)
{
    static const char *const texts[] = {
        "{\"state\":\"\\u001b[2J\",\"kind\":\"a\\nb\",\"why\":\"\\u009b1m\",\"id\":\"\\u202ex\"}",
        "{\"state\":7,\"done\":\"x\",\"total\":[],\"cost_usd\":{},\"started_at\":\"\\u001b\"}",
        "{}",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct json_object *o CLEANUP_JSON = NULL;
        struct buf out = BUF_INIT(1 << 20);

        cr_assert_eq(json_parse(texts[i], strlen(texts[i]), &o, NULL), 0);
        view_row(o, &out);
        view_block(o, 0, &out);
        view_line(o, 0, &out);
        for (size_t k = 0; k < out.len; k++)
            cr_expect(out.data[k] == '\n' || (unsigned char)out.data[k] >= 0x20, "text %zu", i);
        cr_expect_not(strstr(out.data, "\xc2\x9b") || strstr(out.data, "\xe2\x80\xae"));
        buf_done(&out);
    }
}

Test(runs, a_block_has_as_many_lines_as_it_says)
{
    struct json_object *o CLEANUP_JSON = NULL;
    struct buf out = BUF_INIT(1 << 20);
    static const char text[] =
        "{\"path\":\"o\",\"kind\":\"batch\",\"state\":\"running\",\"done\":60,\"resumed\":10,"
        "\"total\":110,\"failed\":2,\"cost_usd\":1.5,\"cost_unknown\":1,\"limited_by\":\"rpm\","
        "\"started_at\":\"2026-01-01T00:00:00Z\"}";
    int lines = 0;
    int seen = 0;

    cr_assert_eq(json_parse(text, sizeof text - 1, &o, NULL), 0);
    lines = view_block(o, INT64_C(1767225600000) + 100000, &out);
    for (size_t k = 0; k < out.len; k++)
        seen += out.data[k] == '\n';
    cr_expect_eq(lines, seen);
    cr_expect(strstr(out.data, "60 of 110: 2 failed"), "%s", out.data);
    cr_expect(strstr(out.data, "0.5/s, 0:01:40 to go"), "%s", out.data);
    cr_expect(strstr(out.data, ">=$1.5000"), "%s", out.data);
    buf_done(&out);
}
