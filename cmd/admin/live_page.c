/* live_page: puts the three files, which are part of the program, together. */
#include "cmd/admin/live_page.h"

#include <string.h>

#include "base/mem.h"

/* clang-format off */
#define FILE_TEXT(name, path)                                                                      \
    __asm__(".section .rodata\n" #name ":\n.incbin \"" path "\"\n.byte 0\n.previous\n");              \
    extern const char name[] __attribute__((visibility("hidden")))
/* clang-format on */

FILE_TEXT(live_page_html, "cmd/admin/page.html");
FILE_TEXT(live_page_css, "cmd/admin/page.css");
FILE_TEXT(live_page_js, "cmd/admin/page.js");

void live_page(struct buf *out)
{
    static const struct {
        const char *gap, *text;
    } gaps[] = {{"@@css@@\n", live_page_css}, {"@@js@@\n", live_page_js}};
    const char *from = live_page_html;

    for (size_t i = 0; i < ARRAY_LEN(gaps); i++) {
        const char *to = strstr(from, gaps[i].gap);

        if (!to)
            break; /* never: the three files are made for each other */
        buf_append(out, from, (size_t)(to - from));
        buf_str(out, gaps[i].text);
        from = to + strlen(gaps[i].gap);
    }
    buf_str(out, from);
}
