/* web: see web.h. A page is its HTML with the other files in the place of their names. */
#include "cmd/web/web.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define DATA_MAX ((size_t)4 << 20)

/* clang-format off */
#define FILE_TEXT(name, path)                                                                      \
    __asm__(".section .rodata\n" #name ":\n.incbin \"" path "\"\n.byte 0\n.previous\n");              \
    extern const char name[] __attribute__((visibility("hidden")))
/* clang-format on */

FILE_TEXT(web_live_html, "cmd/web/live.html");
FILE_TEXT(web_live_js, "cmd/web/live.js");
FILE_TEXT(web_report_html, "cmd/web/report.html");
FILE_TEXT(web_report_js, "cmd/web/report.js");
FILE_TEXT(web_common_js, "cmd/web/common.js");
FILE_TEXT(web_style_css, "cmd/web/style.css");

struct gap {
    const char *mark, *text;
};

/* The gaps in the order in which they stand in the page; each stands there once. */
static void fill(const char *page, const struct gap *gaps, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        const char *to = strstr(page, gaps[i].mark);

        if (!to)
            break; /* never: the files are made for each other */
        buf_append(out, page, (size_t)(to - page));
        buf_str(out, gaps[i].text);
        page = to + strlen(gaps[i].mark);
    }
    buf_str(out, page);
}

void web_live(struct buf *out)
{
    const struct gap gaps[] = {{"@@style@@\n", web_style_css},
                               {"@@common@@\n", web_common_js},
                               {"@@script@@\n", web_live_js}};

    fill(web_live_html, gaps, ARRAY_LEN(gaps), out);
}

/* Within JSON a "<" stands in strings only, where it would end the script element that holds it. */
static void hide_tags(const struct buf *json, struct buf *out)
{
    for (size_t i = 0; i < json->len; i++) {
        if (json->data[i] == '<')
            buf_str(out, "\\u003c");
        else
            buf_char(out, json->data[i]);
    }
}

void web_report(struct json_object *data, struct buf *out)
{
    struct buf json = BUF_INIT(DATA_MAX);
    struct buf text = BUF_INIT(2 * DATA_MAX);
    struct gap gaps[] = {{"@@style@@\n", web_style_css},
                         {"@@data@@", NULL},
                         {"@@common@@\n", web_common_js},
                         {"@@script@@\n", web_report_js}};

    json_write(data, &json);
    hide_tags(&json, &text);
    gaps[1].text = text.data;
    fill(web_report_html, gaps, ARRAY_LEN(gaps), out);
    buf_done(&json);
    buf_done(&text);
}
