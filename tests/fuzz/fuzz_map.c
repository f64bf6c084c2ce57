/*
 * Fuzzes the map of done offsets. The first byte chooses what the rest is: text as it may stand in
 * commit metadata; a payload behind the checksum (which random bytes never pass); or the fates of
 * records, from which a ledger is made that must come back from its own text.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "policy/map.h"
#include "policy/map_code.h"

#define BASE        1000
#define RECORDS_MAX 4096

static const struct map_scope scope = {"group", "topic", 0};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct buf encode(const struct ledger *l, int64_t *ret_base)
{
    struct buf text = BUF_INIT(1 << 20);

    must(map_encode(&scope, l, NULL, NULL, 1 << 20, &text, ret_base) == MAP_GOOD);
    return text;
}

/* What was read is written in the same words, whatever words it was read from. */
static void written_again(const struct ledger *l)
{
    int64_t base = 0;
    struct buf first = encode(l, &base);
    struct ledger *next = ledger_new(base, RECORDS_MAX, INT64_MAX);
    struct buf second = BUF_INIT(0);

    if (first.len > 0)
        must(map_decode(&scope, first.data, first.len, next) == MAP_GOOD);
    second = encode(next, &base);
    must(second.len == first.len && memcmp(second.data, first.data, first.len) == 0);
    buf_done(&first);
    buf_done(&second);
    ledger_free(next);
}

static void fuzz_text(const char *text, size_t n)
{
    struct ledger *l = ledger_new(BASE, RECORDS_MAX, INT64_MAX);
    int64_t base = 0;
    int64_t end = 0;

    if (map_decode(&scope, text, n, l) == MAP_GOOD) {
        written_again(l);
    } else {
        ledger_walk(l, NULL, NULL, &base, &end, NULL);
        must(base == BASE && end == BASE);
    }
    ledger_free(l);
}

static void fuzz_payload(const uint8_t *p, size_t n)
{
    struct map_open open = {0};
    const uint8_t *end = p + n;
    uint64_t window = 0;
    int codec = 0;
    size_t i = 0;

    if (n < 2)
        return;
    codec = *p++ % MAP_CODES;
    if (map_read_varint(&p, end, &window) < 0 || window < 2 || window > INT64_MAX / 2)
        return;
    if (map_uncode(codec, p, (size_t)(end - p), window, &open) == 0) {
        for (i = 0; i < open.count; i++)
            must(open.at[i] > (i ? open.at[i - 1] : 0) && open.at[i] <= window - 2);
        for (codec = 0; codec < MAP_CODES; codec++) {
            struct map_open again = {0};
            struct buf out = BUF_INIT(1 << 16);

            buf_str(&out, "");
            map_code(codec, &open, window, &out);
            if (!out.over) {
                must(map_uncode(codec, (const uint8_t *)out.data, out.len, window, &again) == 0);
                must(again.count == open.count);
                must(!open.count || memcmp(again.at, open.at, open.count * sizeof *open.at) == 0);
            }
            map_open_done(&again);
            buf_done(&out);
        }
    }
    map_open_done(&open);
}

/* A byte a record: 0 mod 3 is open, 1 done, 2 a gap of the byte's size before a done one. */
static void fuzz_ledger(const uint8_t *p, size_t n)
{
    struct ledger *l = ledger_new(BASE, RECORDS_MAX, INT64_MAX);
    struct ledger *next = NULL;
    struct buf text = BUF_INIT(0);
    int64_t offset = BASE;
    int64_t base = 0;
    size_t i = 0;

    if (n > RECORDS_MAX)
        n = RECORDS_MAX;
    for (i = 0; i < n; i++, offset++) {
        offset += p[i] % 3 == 2 ? p[i] : 0;
        must(ledger_begin(l, offset) == LEDGER_NEW);
        if (p[i] % 3 != 0)
            ledger_done(l, offset);
    }
    text = encode(l, &base);
    next = ledger_new(base, RECORDS_MAX, INT64_MAX);
    must(map_decode(&scope, text.data, text.len, next) == (text.len ? MAP_GOOD : MAP_NONE));
    for (i = 0, offset = BASE; i < n; i++, offset++) {
        offset += p[i] % 3 == 2 ? p[i] : 0;
        must((ledger_begin(next, offset) == LEDGER_NEW) == (p[i] % 3 == 0));
    }
    must(ledger_open(next) == ledger_open(l));
    ledger_free(next);
    ledger_free(l);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 3) {
    case 0:
        fuzz_text((const char *)data + 1, size - 1);
        break;
    case 1:
        fuzz_payload(data + 1, size - 1);
        break;
    default:
        fuzz_ledger(data + 1, size - 1);
        break;
    }
    return 0;
}
