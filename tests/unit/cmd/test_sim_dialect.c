/* Which dialect a path belongs to, and the model's name out of it. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/sim/dialects.h"

#define GEN ":generateContent"

Test(sim_dialect, paths)
{
    static const struct {
        const char *url;
        const struct sim_dialect *dialect; /* NULL: nobody's */
        const char *model;
    } rows[] = {
        {"/v1/chat/completions", &sim_chat, ""},
        {"/chat/completions?a=/v1/messages", &sim_chat, ""},
        {"/v1/chat/completions/", NULL, ""},
        {"/v1/chat/completion", NULL, ""},
        {"/v1/v1/chat/completions", NULL, ""},
        {"/v1/messages", &sim_messages, ""},
        {"", NULL, ""},
        {"/", NULL, ""},
        /* the star: not empty, decoded, as long as it fits */
        {"/v1beta/models/m" GEN, &sim_gemini, "m"},
        {"/v1beta/models/m-1.5_x@2" GEN "?key=k", &sim_gemini, "m-1.5_x@2"},
        {"/v1beta/models/a%2Fb%3a" GEN, &sim_gemini, "a/b:"},
        {"/v1beta/models/a%zz%4" GEN, &sim_gemini, "a%zz%4"},
        {"/v1beta/models/a/b" GEN, &sim_gemini, "a/b"},
        {"/v1beta/models/a" GEN GEN, &sim_gemini, "a" GEN},
        {"/v1beta/models/" GEN, NULL, ""},
        {"/v1beta/models/a%00b" GEN, NULL, ""},
        {"/v1beta/models/m", NULL, ""},
        {"/v1beta/models/m" GEN "x", NULL, ""},
        {"/models/m" GEN, NULL, ""},
        {"/v1beta/models/m?x=" GEN, NULL, ""},
        {"/v1beta/models/m:embedContent", &sim_gemini_embed, "m"},
        {"/v1beta/models/m:batchEmbedContents", &sim_gemini_batch, "m"},
        {"/v1/projects/p/locations/l/publishers/google/models/m" GEN, &sim_vertex,
         "p/locations/l/publishers/google/models/m"},
        {"/projects/p/m" GEN, &sim_vertex, "p/m"},
        {"/v1/projects/p/m:predict", &sim_vertex_predict, "p/m"},
        {"/v1/projects/p/m:embedContent", &sim_gemini_embed, "p/m"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char model[SIM_MODEL_MAX] = "left over";
        const struct sim_dialect *d = sim_dialect_find(rows[i].url, model, sizeof model);

        cr_expect_eq(d, rows[i].dialect, "%s: %s", rows[i].url, d ? d->name : "none");
        if (rows[i].dialect)
            cr_expect_str_eq(model, rows[i].model, "%s: %s", rows[i].url, model);
    }
}

Test(sim_dialect, a_model_that_does_not_fit_is_no_path)
{
    char model[5];

    cr_expect_eq(sim_dialect_find("/v1beta/models/abcd" GEN, model, sizeof model), &sim_gemini);
    cr_expect_str_eq(model, "abcd");
    cr_expect_null(sim_dialect_find("/v1beta/models/abcde" GEN, model, sizeof model));
    cr_expect_eq(sim_dialect_find("/v1beta/models/%61bcd" GEN, model, sizeof model), &sim_gemini);
    cr_expect_str_eq(model, "abcd");
}

Test(sim_dialect, guesses_speak_for_the_nearest)
{
    cr_expect_eq(sim_dialect_guess("/anthropic/v1/messages"), &sim_messages);
    cr_expect_eq(sim_dialect_guess("/v1beta/models/m" GEN), &sim_gemini);
    cr_expect_eq(sim_dialect_guess("/nothing"), &sim_chat);
}

Test(sim_dialect, all_paths_are_named)
{
    struct buf out = BUF_INIT(4096);

    sim_dialect_paths(&out);
    cr_expect(strstr(out.data, "/v1/chat/completions, /v1/embeddings, /v1/messages"), "%s",
              out.data);
    cr_expect(strstr(out.data, "/v1beta/models/*:batchEmbedContents"), "%s", out.data);
    buf_done(&out);
}
