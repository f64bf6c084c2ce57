#!/usr/bin/env bash
# Google's dialect from end to end: `batch` against `sim`, for the Gemini API and for Vertex AI. Words, tools and
# their results with signatures, JSON by a schema, embeddings, thoughts in the usage, a blocked prompt, and a 429
# whose wait stands in the body.
. "$(dirname "$0")/../lib/scene.sh"

batch() { "$SLUICE" batch --progress none "$@"; }

# row ID BODY-MEMBERS [URL]
row() { echo "{\"custom_id\":\"$1\",\"url\":\"${3:-/v1/chat/completions}\",\"body\":{\"model\":\"fast\",$2}}"; }
user() { echo "\"messages\":[{\"role\":\"user\",\"content\":\"$1\"}]"; }

# of OUT ID FILTER: one value of one reply.
of() { jq -r --arg id "$2" "select(.custom_id == \$id) | $3" "$1"; }

# is OUT ID FILTER WANT
is() {
    local got
    got=$(of "$1" "$2" "$3")
    [ "$got" = "$4" ] || fail "$1: $2: $3 is \"$got\", not \"$4\": $(of "$1" "$2" .)"
}

# configure FILE MODEL PATH [more]
configure() {
    cat >"$1" <<YAML
model_list:
  - model_name: fast
    params: {model: $2, api_base: "http://127.0.0.1:$SIM_PORT$3", api_key: key-1${4:-}}
router_settings: {retry_base: 10ms, retry_max: 20ms, cooldown_time: 100ms}
YAML
}

weather='{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}'
tools="\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":$weather}}]"
format="\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"w\",\"schema\":$weather}}"

# ---- the Gemini API ----

{
    echo '{"match":{"contains":"meets blocked"},"fault":{"kind":"filter"}}'
    echo '{"match":{"contains":"meets refusal"},"fault":{"kind":"refusal"}}'
    echo '{"match":{"contains":"meets empty"},"fault":{"kind":"empty200"}}'
} >script.jsonl
sim_start --api-key key-1 --script script.jsonl --reasoning-tokens 7 --cached-percent 50
configure c.yaml gemini/gemini-3-flash /v1beta
{
    row chat "$(user hello),\"reasoning_effort\":\"low\",\"max_completion_tokens\":64,\"stop\":[\"END\"]"
    row two "$(user hello),\"n\":2,\"logprobs\":true,\"top_logprobs\":1"
    row call "$(user "what weather?"),$tools,\"tool_choice\":\"required\""
    row schema "$(user "as json"),$format"
    row embed '"input":"a","dimensions":3' /v1/embeddings
    row embeds '"input":["a","b"],"dimensions":3,"encoding_format":"base64"' /v1/embeddings
    row blocked "$(user "meets blocked")"
    row refusal "$(user "meets refusal")"
    row empty "$(user "meets empty")"
} >in.jsonl
rc=0
batch -i in.jsonl -o out.jsonl -c c.yaml --store store 2>said.txt || rc=$?
[ $rc = 1 ] || fail "exit code $rc instead of 1 (two rows have no answer): $(cat said.txt)"
[ "$(wc -l <out.jsonl)" = 9 ] || fail "$(wc -l <out.jsonl) replies instead of 9"
choice='.response.body.choices[0]'
is out.jsonl chat "$choice.message.content" "echo: hello"
is out.jsonl chat "$choice.message.reasoning_content" "(thinking)"
is out.jsonl chat "$choice.finish_reason" stop
is out.jsonl chat '.sluice.usage | "\(.output_tokens) \(.reasoning_tokens) \(.cached_input_tokens)"' "10 7 2"
is out.jsonl two '[.response.body.choices[] | .message.content, .logprobs.content[0].token] | join(",")' \
    "echo: hello,echo,echo: hello [1],echo"
is out.jsonl call "$choice.finish_reason" tool_calls
is out.jsonl call "$choice.message.tool_calls[0].function | .name + .arguments" 'weather{"city":"echo"}'
is out.jsonl schema "$choice.message.content" '{"city":"echo"}'
is out.jsonl embed '.response.body.data[0].embedding | length' 3
is out.jsonl embeds '.response.body.data | map(.embedding | length) | join(",")' 16,16
is out.jsonl embeds '.response.body | "\(.object) \(.usage.prompt_tokens)"' "list 0"
is out.jsonl blocked .error.code content_filter
is out.jsonl blocked '.sluice.attempts | map(.class) | join(",")' content_policy
is out.jsonl refusal "$choice | .finish_reason + \" \" + .message.refusal" "content_filter I cannot help with that."
is out.jsonl empty '.response.body.error.code // .error.code' empty_answer

# The answer goes back with the tool's result: the signature is in it, or this model would refuse the request.
[ -n "$(of out.jsonl call "$choice.message.tool_calls[0].extra_content.google.thought_signature")" ] || fail "no signature"
message=$(of out.jsonl call "$choice.message | tojson")
id=$(of out.jsonl call "$choice.message.tool_calls[0].id")
result="{\"role\":\"tool\",\"tool_call_id\":\"$id\",\"content\":\"{\\\"degrees\\\":21}\"}"
row round "\"messages\":[{\"role\":\"user\",\"content\":\"what weather?\"},$message,$result],$tools" >round.jsonl
row unsigned "\"messages\":[{\"role\":\"user\",\"content\":\"so?\"},$(jq -c 'del(.tool_calls[].extra_content)' <<<"$message"),$result],$tools" >>round.jsonl
batch -i round.jsonl -o round.out -c c.yaml --store store 2>said.txt || fail "a round of tools: $(cat round.out)"
is round.out round "$choice.message.content" "echo: what weather?"
is round.out unsigned "$choice.message.content" "echo: so?"

# Only whole answers are kept.
before=$(sim_stats .requests)
batch -i in.jsonl -o again.jsonl -c c.yaml --store store 2>said.txt || true
is again.jsonl chat .sluice.cache hit
is again.jsonl schema .sluice.cache hit
is again.jsonl refusal .sluice.cache miss
[ "$(sim_stats .requests)" -gt "$before" ] || fail "an answer that is not whole was kept"

# A key that is wrong is said as such, in the words of this API, and not shown.
configure wrong.yaml gemini/gemini-3-flash /v1beta
sed -i 's/key-1/key-2/' wrong.yaml
row key "$(user "another prompt")" >key.jsonl
rc=0
timeout 60 "$SLUICE" batch --progress none -i key.jsonl -o key.out -c wrong.yaml --store key.store 2>said.txt || rc=$?
{ [ $rc = 77 ] && grep -q "credential, HTTP 400" said.txt; } || fail "a wrong key: exit code $rc: $(cat said.txt)"
! grep -q key-2 said.txt key.out || fail "the key is in the output"
sim_stop

# ---- 429: RetryInfo is the floor of the wait, although the back-off would be 20 ms ----

echo '{"match":{"attempt":1},"fault":{"kind":"429","wait":"2500ms"},"times":1}' >script.jsonl
sim_start --script script.jsonl
configure c.yaml gemini/gemini-2.5-flash /v1beta
row late "$(user late)" >late.jsonl
start=$(date +%s%3N)
batch -i late.jsonl -o late.out -c c.yaml --store late.store 2>said.txt || fail "429: $(cat said.txt)"
took=$(($(date +%s%3N) - start))
is late.out late '.sluice.attempts | map("\(.status) \(.class)") | join(",")' "429 rate_limit,200 ok"
[ $took -ge 2500 ] || fail "RetryInfo of 2.5 s was not kept: $took ms"
[ "$(sim_stats .requests)" = 2 ] || fail "$(sim_stats .requests) requests instead of 2"
sim_stop

# ---- Vertex AI: other addresses, a bearer token, predict ----

sim_start --api-key key-1
path=/v1/projects/p/locations/europe-west4
configure c.yaml vertex_ai/gemini-2.5-pro $path
{ row chat "$(user hello)"; row call "$(user x),$tools,\"tool_choice\":\"required\""; } >in.jsonl
batch -i in.jsonl -o vertex.out -c c.yaml --store vertex.store 2>said.txt || fail "Vertex AI: $(cat said.txt vertex.out)"
is vertex.out chat "$choice.message.content" "echo: hello"
is vertex.out chat '.sluice.upstream_model' gemini-2.5-pro
is vertex.out call "$choice.message.tool_calls[0].function.name" weather
configure e.yaml vertex_ai/text-embedding-005 $path
row embeds '"input":["abcd","b"],"dimensions":2' /v1/embeddings >embed.jsonl
batch -i embed.jsonl -o embed.out -c e.yaml --store vertex.store 2>said.txt || fail "predict: $(cat said.txt embed.out)"
is embed.out embeds '.response.body.data | map(.embedding | length) | join(",")' 2,2
is embed.out embeds '.sluice.usage.input_tokens' 2
sim_stop
