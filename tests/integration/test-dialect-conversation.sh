#!/bin/bash
# One conversation for every dialect: instructions, a picture, a call of a tool and its result, an answer by a
# schema; a call that is forced; words only. What comes back must mean the same, whatever API it went through.
. "$(dirname "$0")/../lib/scene.sh"
. "$(dirname "$0")/../lib/dialects.sh"

# A red dot, as PNG.
dot=iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==
cat >conversations.jq <<'END'
def weather: {type: "object", properties: {city: {type: "string"}}, required: ["city"], additionalProperties: false};
def place: {type: "object", properties: {place: {type: "string"}, degrees: {type: "integer"}},
    required: ["place", "degrees"], additionalProperties: false};
def system: {role: "system", content: "Answer briefly."};
def picture: {role: "user", content: [{type: "text", text: "How warm is it there?"},
    {type: "image_url", image_url: {url: "data:image/png;base64,\($dot)"}}]};
def call: {id: "call_1", type: "function", function: {name: "weather", arguments: "{\"city\":\"Rome\"}"}};
def result: {role: "tool", tool_call_id: "call_1", content: "21 degrees"};
def tools: [{type: "function", function: {name: "weather", description: "Weather of a city", parameters: weather}}];
def by_schema: {type: "json_schema", json_schema: {name: "place", strict: true, schema: place}};
{
    words: {messages: [system, {role: "user", content: "hello"}, {role: "assistant", content: "Hi."},
        {role: "user", content: "and you?"}], temperature: 0.5, max_completion_tokens: 100},
    picture: {messages: [system, picture]},
    call: {messages: [system, picture], tools: tools,
        tool_choice: {type: "function", function: {name: "weather"}}},
    result: {messages: [system, picture, {role: "assistant", content: null, tool_calls: [call]}, result,
        {role: "user", content: "Thanks. And tomorrow?"}], tools: tools},
    schema: {messages: [system, {role: "user", content: "Where, and how warm?"}], response_format: by_schema},
    whole: {messages: [system, picture, {role: "assistant", content: null, tool_calls: [call]}, result],
        tools: tools, response_format: by_schema}
}
| to_entries[] | .key as $case | .value as $body
| $ARGS.positional[] | {custom_id: "\(.) \($case)", body: ({model: .} + $body)}
END

# What an answer means: without ids, names, counts and what a provider adds.
cat >meaning.jq <<'END'
def parsed: . as $text | try fromjson catch $text;
(.custom_id / " ") as [$dialect, $case]
| {dialect: $dialect, case: $case, status: .response.status_code, error: (.error // .response.body.error),
    choices: [.response.body.choices[]? | {finish_reason,
        role: .message.role, refusal: .message.refusal, content: (.message.content | if . then parsed else . end),
        calls: [.message.tool_calls[]? | {type, name: .function.name, arguments: (.function.arguments | parsed)}]}]}
END

# refused DIALECT CASE: what the reply must say where the API cannot do it.
refused() {
    case "$1 $2" in
    "cohere whole") echo response_format ;; # it takes a format or tools
    "ollama call") echo tool_choice ;;      # it cannot be made to call a tool
    *) echo "" ;;
    esac
}

sim_start --api-key sk-sim
dialect_config c.yaml
jq -nc --arg dot "$dot" -f conversations.jq --args "${DIALECTS[@]}" >in.jsonl
rc=0
"$SLUICE" batch -i in.jsonl -o out.jsonl -c c.yaml --store store --progress none 2>said.txt || rc=$?
[ "$rc" -le 1 ] || fail "batch ended with $rc: $(cat said.txt)"
[ "$(wc -l <out.jsonl)" = "$(wc -l <in.jsonl)" ] || fail "$(wc -l <out.jsonl) replies to $(wc -l <in.jsonl) requests"
jq -c -f meaning.jq out.jsonl >meanings

# meaning DIALECT CASE: as text that can be compared.
meaning() {
    jq -Sc --arg d "$1" --arg c "$2" 'select(.dialect == $d and .case == $c) | del(.dialect)' meanings
}

mapfile -t cases < <(jq -r .case meanings | sort -u)
[ "${#cases[@]}" = 6 ] || fail "${#cases[@]} conversations instead of 6"
for case in "${cases[@]}"; do
    same=0
    for dialect in "${DIALECTS[@]}"; do
        why=$(refused "$dialect" "$case")
        said=$(meaning "$dialect" "$case")
        if [ -n "$why" ]; then
            grep -qF "$why" <<<"$said" || fail "$dialect: $case should be refused with \"$why\": $said"
        elif [ "$said" != "$(meaning "${DIALECTS[0]}" "$case")" ]; then
            fail "$case: $dialect means $said; ${DIALECTS[0]} means $(meaning "${DIALECTS[0]}" "$case"); $(grep "\"$dialect $case\"" out.jsonl)"
        else
            same=$((same + 1))
        fi
    done
    echo "$case: $same dialects mean the same"
done

# That they are equal says nothing when nothing came back: what the first one said.
[ "$(meaning openai words | jq -c '[.status, .choices[0].content, .choices[0].finish_reason]')" = '[200,"echo: and you?","stop"]' ] ||
    fail "words: $(meaning openai words)"
[ "$(meaning openai picture | jq -c '.choices[0].content')" = '"echo: How warm is it there?"' ] || fail "picture: $(meaning openai picture)"
[ "$(meaning openai call | jq -c '[.choices[0].finish_reason, .choices[0].calls[0].name, (.choices[0].calls[0].arguments | keys)]')" = '["tool_calls","weather",["city"]]' ] ||
    fail "call: $(meaning openai call)"
for case in schema whole; do
    [ "$(meaning openai $case | jq -c '.choices[0].content | map_values(type)')" = '{"degrees":"number","place":"string"}' ] ||
        fail "$case: $(meaning openai $case)"
done
echo "test-dialect-conversation: ok"
