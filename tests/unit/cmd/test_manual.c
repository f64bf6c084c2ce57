/* manual: sluice(7) has words for everything that its tables, and those of the program, name. */
#include "cmd/manual.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/admin/metrics_table.h"
#include "cmd/admin/watch.h"
#include "cmd/command.h"
#include "cmd/manual_int.h"
#include "task/class.h"

const struct command *const commands[] = {NULL};

static char *page(void)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    manual_print(f);
    fclose(f);
    return text;
}

/* As man(7) source writes it at the start of a line. */
static bool has_item(const char *text, const char *name)
{
    char line[200];

    snprintf(line, sizeof line, "\n.B %s\n", name);
    return strstr(text, line) != NULL;
}

Test(manual, lists_what_the_program_has)
{
    CLEANUP_FREE char *text = page();

    for (const struct metric *m = metrics_table; m->name; m++)
        cr_expect(has_item(text, m->name), "no metric %s", m->name);
    for (int i = CLASS_OK; i < CLASS_COUNT; i++)
        cr_expect(manual_classes[i], "no words about %s", class_name((enum error_class)i));
    for (const struct admin_page *p = watch_pages; p->path; p++)
        cr_expect(p->help && *p->help, "no words about %s", p->path);
    cr_expect(has_item(text, "75"));
    cr_expect(has_item(text, "SLUICE__A__B"));
}

Test(manual, exit_codes_ascend)
{
    long last = -1;

    for (const struct manual_row *row = manual_exits; row->name; row++) {
        long code = strtol(row->name, NULL, 10);

        cr_expect_gt(code, last, "%s", row->name);
        last = code;
    }
    cr_expect_eq(last, 143);
}
