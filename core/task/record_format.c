/* record_format: writing request records, and the fingerprint that tells one record from another.
 */
#include "task/record.h"

#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"

/* A field of the fingerprint; NULL and "" are different records. */
static void put_field(struct sha256 *s, const void *p, size_t n)
{
    uint8_t present = p != NULL;

    sha256_update(s, &present, 1);
    sha256_field(s, p ? p : "", p ? n : 0);
}

void record_fingerprint(struct task *t)
{
    struct sha256 *s = sha256_new();
    uint8_t digest[SHA256_LEN];
    int i = 0;

    put_field(s, t->key, t->key_len);
    put_field(s, t->raw, t->raw_len);
    for (i = 0; i < t->nheaders; i++) {
        put_field(s, t->headers[i].name, strlen(t->headers[i].name));
        put_field(s, t->headers[i].value, t->headers[i].len);
    }
    sha256_final(s, digest);
    memcpy(t->fingerprint, digest, sizeof t->fingerprint);
    sha256_free(s);
}

int record_format_prompt(struct buf *out, const char *custom_id, const char *model,
                         const char *prompt, size_t prompt_len)
{
    int bad = buf_char(out, '{');

    if (custom_id) {
        bad |= buf_str(out, "\"custom_id\":");
        bad |= buf_json_str(out, custom_id, strlen(custom_id));
        bad |= buf_char(out, ',');
    }
    bad |= buf_str(out, "\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{");
    if (model) {
        bad |= buf_str(out, "\"model\":");
        bad |= buf_json_str(out, model, strlen(model));
        bad |= buf_char(out, ',');
    }
    bad |= buf_str(out, "\"messages\":[{\"role\":\"user\",\"content\":");
    bad |= buf_json_str(out, prompt, prompt_len);
    bad |= buf_str(out, "}]}}");
    return bad;
}
