/* manual: prints sluice(7) as man(7) source. It knows how the page is laid out, and no fact that a table holds. */
#include "cmd/manual.h"

#include "base/mem.h"
#include "cmd/admin/metrics_table.h"
#include "cmd/admin/watch.h"
#include "cmd/manual_int.h"
#include "cmd/options_text.h"
#include "pool/pool.h"
#include "task/class.h"

static const char life[] =
    "A record of a request topic, or a line of a file, becomes a task. It is open from here until "
    "its "
    "reply is committed, and what is known to be done, by the map in the committed offset, is "
    "skipped.\n\n"
    "Looked up first is the journal: was it answered before a crash? Then that answer is "
    "published. "
    "Else it is parsed; a bad record ends with an error reply, and its bytes go to the dead-letter "
    "topic. "
    "When the same request is under way, the task waits for its answer. The cache is asked for an "
    "answer "
    "of any model that the request accepts.\n\n"
    "Admission chooses a model, a row of model_list and its key that may be called now, or says "
    "when one "
    "may. The provider is called; a failure is classified, and the task tries again, tries another "
    "row or "
    "model, waits, or ends. Any end that cost a call goes to the store in one write, with the "
    "completion "
    "if it may be kept, before anything is published.\n\n"
    "Replies, offsets and the map of what is done out of order go out in one transaction.";

static const char promises[] = "With delivery: exactly_once, each request record gets one reply "
                               "record, visible once to a reader of "
                               "committed records, whatever is killed or restarted. With "
                               "at_least_once a reply may be repeated after "
                               "a crash; none is lost. A request that was written twice gets two "
                               "replies, unless dedupe: task_id.\n\n"
                               "A call that was paid for is not paid for again by a worker that "
                               "has its disk. What can be paid twice: "
                               "calls in flight at a kill (at most pool.max_calls), and those in "
                               "flight or not yet committed where a "
                               "partition moves to another disk.\n\n"
                               "Limits hold over all workers together. A provider that is away "
                               "costs time, not tasks. An answer from "
                               "the cache is the answer to this very request. Memory and disk are "
                               "bounded by the configuration. Keys "
                               "go only to the host that they are configured for, and no prompt, "
                               "completion or key is logged.\n\n"
                               "Not covered: topics that delete requests before they are read, "
                               "readers of uncommitted records, "
                               "cool-downs over several workers (each worker finds out for "
                               "itself), budgets over several workers "
                               "(each has its own). There is no streaming.";

static const char records[] = "A request is a line of OpenAI's batch files, or a bare body with "
                              "the id beside it; a reply is a line "
                              "of batch output with an object sluice that says which model "
                              "answered, what was tried and what it "
                              "cost. JSON Schemas of both and an AsyncAPI file of the topics are "
                              "installed with the program, below "
                              "share/sluice.";

static void put_rows(FILE *to, const struct manual_row *row)
{
    for (; row->name; row++)
        man_item(to, row->name, row->text);
}

static void put_failures(FILE *to)
{
    fputs(
        ".SH FAILURES\nEach call that fails has a class, as it stands in a reply's attempts and in "
        "sluice_upstream_requests_total.\n",
        to);
    for (int i = CLASS_OK + 1; i < CLASS_COUNT; i++)
        man_item(to, class_name((enum error_class)i), manual_classes[i]);
    fputs(".PP\nTasks end as", to);
    for (int i = 0; i < POOL_ENDS; i++)
        fprintf(to, "%s\n.BR %s", i ? " ," : "", pool_end_name((enum pool_end)i));
    fputs(" .\n", to);
}

static void put_admin(FILE *to)
{
    char name[64];

    fputs(".SH ADMIN PORT\nWhere\n.B observability.listen\nsays. A POST needs\n"
          ".BR observability.admin_token ,\nas a bearer token, when one is set; without one it "
          "must come to loopback. With\n.B observability.admin_token_reads\na GET needs it, too, "
          "except those of "
          "the page and the probes.\n",
          to);
    for (const struct admin_page *p = watch_pages; p->path; p++) {
        snprintf(name, sizeof name, "%s %s", p->post ? "POST" : "GET", p->path);
        man_item(to, name, p->help);
    }
}

static void put_metrics(FILE *to)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};

    fputs(
        ".SH METRICS\nOf\n.BR /metrics ,\nin the text format of Prometheus. Values of labels come "
        "from the "
        "configuration or from fixed lists, so the number of series does not grow with the work.\n",
        to);
    for (const struct metric *m = metrics_table; m->name; m++) {
        bool of_route = m->form == METRIC_ROUTES;

        fputs(".TP\n.B ", to);
        man_text(to, m->name);
        fprintf(to, "\n(%s", types[m->type]);
        if (of_route || m->labels)
            fprintf(to, "; %s%s%s", of_route ? METRICS_ROUTE_LABELS : "",
                    of_route && m->labels ? " " : "", m->labels ? m->labels : "");
        fputs(")\n", to);
        man_text(to, m->help);
        fputc('\n', to);
    }
}

void manual_print(FILE *to)
{
    const struct {
        const char *title;
        const struct manual_row *rows;
    } tables[] = {
        {"TOPICS", manual_topics},
        {"HEADERS OF REQUESTS", manual_headers_in},
        {"HEADERS OF REPLIES", manual_headers_out},
        {"FILES", manual_files},
        {"ENVIRONMENT", manual_environment},
        {"SIGNALS", manual_signals},
        {"EXIT STATUS", manual_exits},
    };

    fprintf(to,
            ".TH SLUICE 7 \"\" \"sluice %s\" \"sluice\"\n.ad l\n.SH NAME\n"
            "sluice \\- how the worker pool works, and what it can be relied on for\n.SH LIFE OF A "
            "TASK\n",
            SLUICE_VERSION);
    man_paragraphs(to, life);
    fputs(".SH GUARANTEES AND LIMITS\n", to);
    man_paragraphs(to, promises);
    fputs(".SH RECORDS\n", to);
    man_paragraphs(to, records);
    put_failures(to);
    put_admin(to);
    put_metrics(to);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        fprintf(to, ".SH %s\n", tables[i].title);
        put_rows(to, tables[i].rows);
    }
    fputs(".SH SEE ALSO\n.BR sluice (1),\n.BR sluice.yaml (5)\n", to);
}
