/*
 * map_code: writes the open offsets of a window in each of the three ways and reads them back.
 *
 * Reading takes bytes from outside: everything is checked against the window before it is kept, and
 * only what the writer can have written is accepted.
 */
#include "policy/map_code.h"

#include "base/mem.h"

#define RICE_K_MAX 40

void map_open_add(struct map_open *o, uint64_t offset)
{
    if (o->count == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 64;
        o->at = mem_grow(o->at, o->cap, sizeof *o->at);
    }
    o->at[o->count++] = offset;
}

void map_open_done(struct map_open *o)
{
    free(o->at);
    *o = (struct map_open){0};
}

void map_varint(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    buf_char(out, (char)value);
}

int map_read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
    const uint8_t *p = *at;
    uint64_t value = 0;
    int shift = 0;

    for (; p < end && shift < 63; shift += 7) {
        value |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p++ & 0x80)) {
            *at = p;
            *ret = value;
            return 0;
        }
    }
    return -1;
}

/* Done offsets between the i-th open one and the one before it. */
static uint64_t gap_at(const struct map_open *o, size_t i)
{
    return o->at[i] - (i ? o->at[i - 1] : 0) - 1;
}

static void code_varint(const struct map_open *o, struct buf *out)
{
    size_t i = 0;

    for (i = 0; i < o->count && !out->over; i++)
        map_varint(out, gap_at(o, i));
}

/* Adds the open offset that follows a gap. -1: it would lie outside of the window. */
static int add_gap(struct map_open *o, uint64_t gap, uint64_t window)
{
    uint64_t before = o->count ? o->at[o->count - 1] : 0;

    if (gap >= window || before + gap + 1 > window - 2)
        return -1;
    map_open_add(o, before + gap + 1);
    return 0;
}

static int uncode_varint(const uint8_t *p, const uint8_t *end, uint64_t window, struct map_open *o)
{
    uint64_t gap = 0;

    while (p < end) {
        if (map_read_varint(&p, end, &gap) < 0 || add_gap(o, gap, window) < 0)
            return -1;
    }
    return 0;
}

/* Bits, from the highest of a byte down. */
struct bits {
    struct buf *out;
    const uint8_t *p;
    const uint8_t *end;
    unsigned byte;
    int used; /* of byte */
};

static void put_bit(struct bits *b, unsigned bit)
{
    b->byte = b->byte << 1 | bit;
    if (++b->used == 8) {
        buf_char(b->out, (char)b->byte);
        b->byte = 0;
        b->used = 0;
    }
}

/* 0 or 1; -1 at the end. */
static int get_bit(struct bits *b)
{
    if (b->used == 0) {
        if (b->p == b->end)
            return -1;
        b->byte = *b->p++;
        b->used = 8;
    }
    return b->byte >> --b->used & 1;
}

static uint64_t rice_bits(const struct map_open *o, int k)
{
    uint64_t sum = 0;
    size_t i = 0;

    for (i = 0; i < o->count; i++)
        sum += (gap_at(o, i) >> k) + 1 + (uint64_t)k;
    return sum;
}

static int best_k(const struct map_open *o)
{
    uint64_t least = rice_bits(o, 0);
    int best = 0;
    int k = 0;

    for (k = 1; k <= RICE_K_MAX; k++) {
        uint64_t n = rice_bits(o, k);

        if (n < least) {
            least = n;
            best = k;
        }
    }
    return best;
}

static void code_rice(const struct map_open *o, struct buf *out)
{
    struct bits b = {.out = out};
    int k = best_k(o);
    size_t i = 0;

    map_varint(out, o->count);
    buf_char(out, (char)k);
    for (i = 0; i < o->count && !out->over; i++) {
        uint64_t gap = gap_at(o, i);
        uint64_t ones = gap >> k;
        int bit = 0;

        for (; ones > 0 && !out->over; ones--)
            put_bit(&b, 1);
        put_bit(&b, 0);
        for (bit = k - 1; bit >= 0; bit--)
            put_bit(&b, gap >> bit & 1);
    }
    while (b.used > 0)
        put_bit(&b, 0);
}

static int get_rice(struct bits *b, int k, uint64_t *ret)
{
    uint64_t ones = 0;
    uint64_t low = 0;
    int bit = 0;
    int i = 0;

    while ((bit = get_bit(b)) == 1)
        ones++;
    for (i = 0; bit >= 0 && i < k; i++) {
        bit = get_bit(b);
        low = low << 1 | (uint64_t)(bit & 1);
    }
    if (bit < 0 || ones >> (63 - k))
        return -1;
    *ret = ones << k | low;
    return 0;
}

static int uncode_rice(const uint8_t *p, const uint8_t *end, uint64_t window, struct map_open *o)
{
    struct bits b = {0};
    uint64_t count = 0;
    uint64_t gap = 0;
    int k = 0;

    if (map_read_varint(&p, end, &count) < 0 || p == end)
        return -1;
    k = *p++;
    if (k > RICE_K_MAX)
        return -1;
    b.p = p;
    b.end = end;
    for (; count > 0; count--) {
        if (get_rice(&b, k, &gap) < 0 || add_gap(o, gap, window) < 0)
            return -1;
    }
    while (b.used > 0) {
        if (get_bit(&b) != 0)
            return -1;
    }
    return b.p == b.end ? 0 : -1;
}

static void code_bitset(const struct map_open *o, uint64_t window, struct buf *out)
{
    uint64_t bytes = (window - 1 + 7) / 8;
    uint64_t byte = 0;
    size_t i = 0;

    for (byte = 0; byte < bytes && !out->over; byte++) {
        unsigned value = 0;

        for (; i < o->count && (o->at[i] - 1) / 8 == byte; i++)
            value |= 1u << ((o->at[i] - 1) % 8);
        buf_char(out, (char)value);
    }
}

static int uncode_bitset(const uint8_t *p, size_t n, uint64_t window, struct map_open *o)
{
    uint64_t i = 0;

    if (n != (window - 1 + 7) / 8)
        return -1;
    for (i = 0; i < (uint64_t)n * 8; i++) {
        if (!(p[i / 8] >> (i % 8) & 1))
            continue;
        if (i + 1 > window - 2)
            return -1;
        map_open_add(o, i + 1);
    }
    return 0;
}

void map_code(int codec, const struct map_open *o, uint64_t window, struct buf *out)
{
    switch (codec) {
    case MAP_CODE_VARINT:
        code_varint(o, out);
        break;
    case MAP_CODE_RICE:
        code_rice(o, out);
        break;
    default:
        code_bitset(o, window, out);
        break;
    }
}

int map_uncode(int codec, const uint8_t *p, size_t n, uint64_t window, struct map_open *o)
{
    switch (codec) {
    case MAP_CODE_VARINT:
        return uncode_varint(p, p + n, window, o);
    case MAP_CODE_RICE:
        return uncode_rice(p, p + n, window, o);
    case MAP_CODE_BITSET:
        return uncode_bitset(p, n, window, o);
    default:
        return -1;
    }
}
