#!/bin/bash
# The bodies that we make, against the types of the vendors' own packages (tests/conformance): each request
# and each reply of the fixtures, and the replies of a batch against the simulator.
. "$(dirname "$0")/../lib/scene.sh"
. "$(dirname "$0")/../lib/dialects.sh"
BUILD=${BUILD:-$ROOT/build}

code=0
"$ROOT/tests/conformance/prepare" "$WORK/c" || code=$?
[ "$code" -eq 0 ] || exit "$code"

# samples [--whole] < LINES: each line against its type.
samples() {
    (cd "$WORK/c" && node samples.mjs schemas.json "$@")
}

echo "the schemas:"
(cd "$WORK/c" && node controls.mjs schemas.json) || fail "a schema takes what it should refuse"

echo "bodies of the fixtures:"
fixtures=$BUILD/tests/unit/providers/test_fixtures
[ -x "$fixtures" ] || make -C "$ROOT" BUILD="$BUILD" "$fixtures"
(cd "$ROOT" && SLUICE_SAMPLES=$WORK/bodies "$fixtures" --jobs 1 --quiet) || fail "test_fixtures failed"
for dir in "$ROOT"/tests/fixtures/providers/*/; do
    for kind in request reply; do
        grep -q "/providers/$(basename "$dir")/.*\"kind\":\"$kind\"" "$WORK/bodies" ||
            fail "the fixtures of $(basename "$dir") gave no $kind"
    done
done
samples --whole <"$WORK/bodies" || fail "bodies of fixtures are not what the vendors' types say"
echo "replies of a batch against the simulator:"
cat >requests.jq <<'END'
def person: {type: "object", properties: {name: {type: "string"}}, required: ["name"], additionalProperties: false};
def tools: [{type: "function", function: {name: "person", description: "Finds one", parameters: person}}];
def ask(text; more): {messages: [{role: "user", content: text}], max_completion_tokens: 100} + more;
{
    text: ask("hello"; {}),
    schema: ask("who?"; {response_format: {type: "json_schema", json_schema: {name: "p", schema: person, strict: true}}}),
    tool: ask("who?"; {tools: tools, tool_choice: (if $loose then "auto" else "required" end)}),
    cut: ask("word " * 60; {max_completion_tokens: 16}),
    refusal: ask("meets refusal"; {}),
    filter: ask("meets filter"; {}),
    long: ask("meets context"; {}),
    down: ask("meets 500"; {})
}
| to_entries[] | {custom_id: "\($dialect) \(.key)", body: ({model: $dialect} + .value)}
END
for kind in refusal filter context 500; do
    echo "{\"match\":{\"contains\":\"meets $kind\"},\"fault\":{\"kind\":\"$kind\"}}"
done >script.jsonl
sim_start --api-key sk-sim --script script.jsonl --cached-percent 50 --reasoning-tokens 7
dialect_config c.yaml
{
    for dialect in "${DIALECTS[@]}"; do # Ollama cannot be made to call a tool
        jq -nc --arg dialect "$dialect" --argjson loose "$([ "$dialect" = ollama ] && echo true || echo false)" -f requests.jq
    done
    for dialect in "${EMBEDDING_DIALECTS[@]}"; do
        for form in float base64; do
            echo "{\"custom_id\":\"$dialect $form\",\"url\":\"/v1/embeddings\",\"body\":{\"model\":\"$dialect-embed\",\"input\":\"a\",\"encoding_format\":\"$form\"}}"
        done
    done
} >in.jsonl
rc=0
"$SLUICE" batch -i in.jsonl -o out.jsonl -c c.yaml --store store --progress none 2>said.txt || rc=$?
[ "$rc" -le 1 ] || fail "batch ended with $rc: $(cat said.txt)"
[ "$(wc -l <out.jsonl)" = "$(wc -l <in.jsonl)" ] || fail "$(wc -l <out.jsonl) replies to $(wc -l <in.jsonl) requests"
for case in text schema tool cut float base64; do
    bad=$(jq -r --arg case "$case" 'select((.custom_id | endswith(" " + $case)) and .response.status_code != 200)' out.jsonl)
    [ -z "$bad" ] || fail "$case has no answer: $bad"
done
# A prompt that was blocked within a 200 is an error without a body; what it holds is in our own schema.
jq -c '(.custom_id / " ") as [$dialect, $case]
    | {file: .custom_id, $dialect, op: (if $case == "float" or $case == "base64" then "embeddings" else "chat" end),
        kind: (if .response.status_code == 200 then "reply" else "error" end), body: .response.body} |
        select(.body)' out.jsonl |
    samples || fail "replies are not what OpenAI's types say"
"$ROOT/tests/lib/validate-json" "$ROOT/deploy/schemas/reply.schema.json" <out.jsonl || fail "replies do not fit our own schema"
echo "test-conformance: ok"
