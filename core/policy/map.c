/*
 * map: writes what is done above the committed offset as text, and reads such text back.
 *
 * The text lies in a place that other programs can write, too, and that is lost or cut in ways of its
 * own, so it carries a checksum over where it belongs. A text that is wrong in any way is no map: the
 * records are then read and answered again, which is safe, while a record that is skipped is lost.
 */
#include "policy/map.h"

#include <string.h>

#include "base/mem.h"
#include "policy/map_code.h"

#define MAGIC     "sl1."
#define MAGIC_LEN 4
#define CRC_LEN   4
#define TEXT_MAX  ((size_t)1 << 20) /* longer texts were never written by us */

/* CRC-32C (RFC 3720; polynomial 0x82f63b78, reflected) of four bits each. */
static const uint32_t crc_table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *at = p;
    size_t i = 0;

    crc = ~crc;
    for (i = 0; i < n; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ crc_table[crc & 15];
        crc = crc >> 4 ^ crc_table[crc & 15];
    }
    return ~crc;
}

static uint32_t crc_be(uint32_t crc, uint64_t value, int bytes)
{
    uint8_t be[8];
    int i = 0;

    for (i = 0; i < bytes; i++)
        be[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    return crc32c(crc, be, (size_t)bytes);
}

static uint32_t checksum(const struct map_scope *s, int64_t base, const void *p, size_t n)
{
    uint32_t crc = crc32c(0, s->group, strlen(s->group) + 1);

    crc = crc32c(crc, s->topic, strlen(s->topic) + 1);
    crc = crc_be(crc, (uint32_t)s->partition, 4);
    crc = crc_be(crc, (uint64_t)base, 8);
    return crc32c(crc, p, n);
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Characters that n bytes take. */
static size_t base64_len(size_t n)
{
    return n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

static void base64_write(const uint8_t *p, size_t n, struct buf *out)
{
    uint32_t bits = 0;
    int have = 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        for (have += 8; have >= 6; have -= 6)
            buf_char(out, digits[bits >> (have - 6) & 63]);
    }
    if (have > 0)
        buf_char(out, digits[bits << (6 - have) & 63]);
}

/* -1: a foreign character, an impossible length, or bits behind the end that are not zero. */
static int base64_read(const char *text, size_t len, struct buf *out)
{
    uint32_t bits = 0;
    int have = 0;
    size_t i = 0;

    if (len % 4 == 1)
        return -1;
    for (i = 0; i < len; i++) {
        const char *at = text[i] ? strchr(digits, text[i]) : NULL;

        if (!at)
            return -1;
        bits = bits << 6 | (uint32_t)(at - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_char(out, (char)(bits >> have));
        }
    }
    return bits & ((1u << have) - 1) || out->over ? -1 : 0;
}

/* The caller's question and our list, for one call of ledger_walk(). */
struct walk {
    bool (*also_done)(void *arg, int64_t offset);
    void *arg;
    struct map_open *open;
};

static bool walk_also_done(void *arg, int64_t offset)
{
    const struct walk *w = arg;

    return w->also_done(w->arg, offset);
}

static void walk_open(void *arg, int64_t offset)
{
    map_open_add(((struct walk *)arg)->open, (uint64_t)offset);
}

/* From absolute to relative offsets, without the base itself. */
static void make_relative(struct map_open *o, int64_t base)
{
    size_t n = 0;
    size_t i = 0;

    for (i = 0; i < o->count; i++) {
        if (o->at[i] != (uint64_t)base)
            o->at[n++] = o->at[i] - (uint64_t)base;
    }
    o->count = n;
}

/* The whole map in one codec, with its checksum, as bytes. */
static void write_bytes(const struct map_scope *s, int64_t base, uint64_t window, int codec,
                        const struct map_open *o, struct buf *out)
{
    uint32_t crc = 0;
    int i = 0;

    buf_clear(out);
    buf_char(out, 0); /* flags */
    buf_char(out, (char)codec);
    map_varint(out, window);
    map_code(codec, o, window, out);
    if (out->over)
        return;
    crc = checksum(s, base, out->data, out->len);
    for (i = 24; i >= 0; i -= 8)
        buf_char(out, (char)(crc >> i));
}

/* Tries all codecs within `max` bytes and keeps the smallest in *best. -1: none fits. */
static int write_smallest(const struct map_scope *s, int64_t base, uint64_t window,
                          const struct map_open *o, struct buf *best)
{
    struct buf bytes = BUF_INIT(best->max);
    int codec = 0;

    buf_clear(best);
    for (codec = 0; codec < MAP_CODES; codec++) {
        write_bytes(s, base, window, codec, o, &bytes);
        if (bytes.over || (best->len > 0 && bytes.len >= best->len))
            continue;
        buf_clear(best);
        buf_append(best, bytes.data, bytes.len);
    }
    buf_done(&bytes);
    return best->len > 0 ? 0 : -1;
}

static int write_text(const struct buf *bytes, size_t max_chars, struct buf *out)
{
    if (MAGIC_LEN + base64_len(bytes->len) > max_chars)
        return MAP_TOO_LARGE;
    buf_str(out, MAGIC);
    base64_write((const uint8_t *)bytes->data, bytes->len, out);
    if (!out->over)
        return MAP_GOOD;
    buf_clear(out);
    return MAP_TOO_LARGE;
}

int map_encode(const struct map_scope *s, const struct ledger *l,
               bool (*also_done)(void *arg, int64_t offset), void *arg, size_t max_chars,
               struct buf *out, int64_t *ret_base)
{
    struct map_open open = {0};
    struct walk w = {also_done, arg, &open};
    struct buf bytes = BUF_INIT(max_chars < TEXT_MAX ? max_chars : TEXT_MAX);
    int64_t base = 0;
    int64_t end = 0;
    int r = MAP_GOOD;

    buf_clear(out);
    ledger_walk(l, also_done ? walk_also_done : NULL, &w, &base, &end, walk_open);
    make_relative(&open, base);
    if (end > base) {
        r = MAP_TOO_LARGE;
        if (write_smallest(s, base, (uint64_t)(end - base), &open, &bytes) == 0)
            r = write_text(&bytes, max_chars, out);
    } else {
        buf_str(out, "");
    }
    if (r == MAP_GOOD)
        *ret_base = base;
    buf_done(&bytes);
    map_open_done(&open);
    return r;
}

/* Gives the ledger the ranges between the open offsets. */
static void load(struct ledger *l, int64_t base, uint64_t window, const struct map_open *o)
{
    uint64_t from = 1;
    size_t i = 0;

    for (i = 0; i <= o->count; i++) {
        uint64_t to = i < o->count ? o->at[i] : window;

        if (to > from)
            ledger_load_done(l, base + (int64_t)from, base + (int64_t)to - 1);
        from = to + 1;
    }
}

static int read_bytes(const struct map_scope *s, const uint8_t *p, size_t n, struct ledger *l)
{
    int64_t base = ledger_base(l);
    struct map_open open = {0};
    uint64_t window = 0;
    uint32_t crc = 0;
    const uint8_t *at = p + 2;
    const uint8_t *end = p + n - CRC_LEN;
    int r = MAP_NONE;

    if (n < 3 + CRC_LEN)
        return MAP_NONE;
    crc = (uint32_t)end[0] << 24 | (uint32_t)end[1] << 16 | (uint32_t)end[2] << 8 | end[3];
    if (crc != checksum(s, base, p, n - CRC_LEN) || p[0] != 0)
        return MAP_NONE;
    if (map_read_varint(&at, end, &window) < 0)
        return MAP_NONE;
    /* The base is open and the last offset is done, so a window holds two at least. */
    if (window < 2 || window > INT64_MAX / 2 || base < 0 || base > INT64_MAX / 2)
        return MAP_NONE;
    if (map_uncode(p[1], at, (size_t)(end - at), window, &open) == 0) {
        load(l, base, window, &open);
        r = MAP_GOOD;
    }
    map_open_done(&open);
    return r;
}

int map_decode(const struct map_scope *s, const char *text, size_t len, struct ledger *l)
{
    struct buf bytes = BUF_INIT(TEXT_MAX);
    int r = MAP_NONE;

    if (!text || len <= MAGIC_LEN || len > TEXT_MAX || memcmp(text, MAGIC, MAGIC_LEN) != 0)
        return MAP_NONE;
    if (base64_read(text + MAGIC_LEN, len - MAGIC_LEN, &bytes) == 0 && bytes.len > CRC_LEN)
        r = read_bytes(s, (const uint8_t *)bytes.data, bytes.len, l);
    buf_done(&bytes);
    return r;
}
