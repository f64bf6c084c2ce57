#!/usr/bin/env bash
# The Responses API end to end: records with url /v1/responses (resume, cache, state), chat records served
# through it (tools, schema, logprobs), /v1/responses by models that have a chat API only, and answers
# that are not whole, which are passed on and not kept.
. "$(dirname "$0")/../lib/scene.sh"

batch() { "$SLUICE" batch --progress none "$@"; }

# wants CODE ARGS...: batch ends with this code; what it says is in said.txt.
wants() {
    local code=$1 rc=0
    shift
    batch "$@" 2>said.txt || rc=$?
    [ "$rc" = "$code" ] || { cat said.txt >&2; fail "exit code $rc instead of $code for: $*"; }
}

# of OUT ID FILTER: one value of one reply.
of() { jq -r --arg id "$2" "select(.custom_id == \$id) | $3" "$1"; }

# is OUT ID FILTER VALUE
is() {
    local got
    got=$(of "$1" "$2" "$3")
    [ "$got" = "$4" ] || fail "$2: $3 is \"$got\", not \"$4\": $(of "$1" "$2" .)"
}

requests() { sim_stats .requests; }

# respond ID BODY-MEMBERS [SLUICE]: a record for /v1/responses.
respond() { printf '{"custom_id":"%s","url":"/v1/responses","body":{%s}%s}\n' "$1" "$2" "${3:+,\"sluice\":$3}"; }
chat() { printf '{"custom_id":"%s","body":{"model":"%s","messages":[{"role":"user","content":"hello %s"}]%s}}\n' "$1" "$2" "$1" "${3:+,$3}"; }

for kind in refusal length filter empty200 error200; do
    echo "{\"match\":{\"contains\":\"meets $kind\"},\"fault\":{\"kind\":\"$kind\"}}"
done >script.jsonl
sim_start --script script.jsonl --cached-percent 50 --reasoning-tokens 7
row() { # NAME MODEL [MORE]
    printf '  - {model_name: %s, params: {model: "%s", api_base: "http://127.0.0.1:%s/v1"%s}}\n' "$1" "$2" "$SIM_PORT" "${3:+, $3}"
}
{
    echo "model_list:"
    row fast sim/gpt-sim
    row new sim/responses/gpt-sim
    row forced vllm/gpt-sim "mode: responses"
    row old sim/gpt-sim "mode: chat"
    row loose sim/responses/gpt-sim "drop_params: true"
    row claude anthropic/claude-sim "api_key: sk-sim"
    for pair in command:cohere/command-sim:/v2 llama:ollama_chat/llama-sim:; do
        IFS=: read -r name model path <<<"$pair"
        printf '  - {model_name: %s, params: {model: %s, api_base: "http://127.0.0.1:%s%s"}}\n' "$name" "$model" "$SIM_PORT" "$path"
    done
    echo "router_settings: {num_retries: 1, allowed_fails: 1000, retry_base: 20ms, retry_max: 50ms}"
} >c.yaml

# ---- records for /v1/responses: answered as such, resumed, and found again ----

{
    for i in 1 2 3 4 5 6 7 8; do respond "r$i" "\"model\":\"fast\",\"input\":\"prompt r$i\",\"metadata\":{\"row\":\"$i\"}"; done
    respond items '"model":"fast","instructions":"Be brief.","input":[{"role":"user","content":[{"type":"input_text","text":"prompt items"}]}],"max_output_tokens":64'
    printf '{"custom_id":"bare","model":"fast","input":[{"role":"user","content":"prompt bare"}]}\n'
} >in.jsonl
head -4 in.jsonl >some.jsonl
wants 0 -i some.jsonl -o out.jsonl -c c.yaml --store store
wants 0 -i in.jsonl -o out.jsonl -c c.yaml --store store
all_answered out.jsonl 10
[ "$(requests)" = 10 ] || fail "$(requests) requests for 10 records: the first four were asked again"
for id in r1 r8 items bare; do
    is out.jsonl $id '.response.body.object' response
    is out.jsonl $id '[.response.body.output[] | select(.type == "message") | .content[].text] | join("")' "echo: prompt $id"
    is out.jsonl $id '.response.body.error' null
    is out.jsonl $id '.response.body.incomplete_details' null
done
is out.jsonl r3 .response.body.metadata.row 3
is out.jsonl items .response.body.instructions "Be brief."
is out.jsonl r1 '.sluice.usage | [.input_tokens, .cached_input_tokens, .output_tokens, .reasoning_tokens] | @csv' \
    "$(of out.jsonl r1 '.response.body.usage | [.input_tokens, .input_tokens_details.cached_tokens, .output_tokens, .output_tokens_details.reasoning_tokens] | @csv')"
is out.jsonl r1 '.sluice.usage.reasoning_tokens' 7

wants 0 -i in.jsonl -o again.jsonl -c c.yaml --store store
[ "$(requests)" = 10 ] || fail "the cache was not asked: $(requests) requests"
[ "$(jq -r .sluice.cache again.jsonl | sort -u)" = hit ] || fail "not all of the second job came from the cache"
is again.jsonl r3 .response.body.metadata.row 3

# An answer repeats the metadata of its request: other metadata, another answer.
respond other '"model":"fast","input":"prompt r1","metadata":{"row":"99"}' >other.jsonl
wants 0 -i other.jsonl -o other.out -c c.yaml --store store
is other.out other .sluice.cache miss
is other.out other .response.body.metadata.row 99

# What leans on state is neither looked up nor kept, and its error is the provider's.
{ respond s1 '"model":"fast","input":"go on","previous_response_id":"resp_0"'; respond s2 '"model":"fast","input":"go on","previous_response_id":"resp_0"'; } >state.jsonl
wants 1 -i state.jsonl -o state.out -c c.yaml --store store
is state.out s1 .response.status_code 400
is state.out s2 .response.body.error.param previous_response_id
[ "$(sim_stats '.status."400"')" = 2 ] || fail "two records with state: $(sim_stats .status)"

# ---- ends that are not whole: passed on, never kept; failures have their class ----

for kind in refusal length filter empty200 error200 none; do respond "$kind" "\"model\":\"fast\",\"input\":\"meets $kind\""; done >ends.jsonl
for run in 1 2; do
    rc=0
    batch -i ends.jsonl -o ends$run.out -c c.yaml --store ends.store 2>said.txt || rc=$?
    [ $rc = 1 ] || fail "ends: exit code $rc: $(cat said.txt)"
done
is ends1.out refusal '[.response.body.output[] | select(.type == "message") | .content[].type] | join(" ")' refusal
is ends1.out length .response.body.status incomplete
is ends1.out length .response.body.incomplete_details.reason max_output_tokens
is ends1.out filter .response.body.incomplete_details.reason content_filter
is ends1.out empty200 .error.code empty_answer
is ends1.out empty200 '[.sluice.attempts[].class] | join(" ")' "bad_response bad_response"
is ends1.out error200 '.sluice.attempts[0].class' transient
is ends2.out none .sluice.cache hit
for kind in refusal length filter; do is ends2.out $kind .sluice.cache miss; done

# ---- chat records on models that are served through /v1/responses ----

tool='"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}}}],"tool_choice":{"type":"function","function":{"name":"f"}}'
schema='"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"a":{"type":"integer","minimum":5}},"required":["a"]},"strict":true}}'
{
    chat plain new '"temperature":0,"max_completion_tokens":64,"metadata":{"a":"b"}'
    chat forced forced
    chat tool new "$tool"
    chat schema new "$schema"
    chat logprobs new '"logprobs":true,"top_logprobs":2'
    chat reasoning new '"reasoning_effort":"low","reasoning":{"summary":"auto"}'
    chat cut new '"max_tokens":16,"reasoning_effort":"low","user":"an answer that is longer than what is allowed"'
    printf '{"custom_id":"results","body":{"model":"new","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hello results"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"42"}]}}\n'
    chat seed new '"seed":7'
    chat dropped loose '"seed":7,"stop":["x"]'
} >chat.jsonl
sed -i 's/hello cut/a prompt whose echo has more than the sixteen tokens that are allowed for its answer/' chat.jsonl
wants 1 -i chat.jsonl -o chat.out -c c.yaml --store chat.store
for id in plain forced results dropped; do
    is chat.out $id .response.body.object chat.completion
    is chat.out $id '.response.body.choices[0].message.content' "echo: hello $id"
    is chat.out $id '.response.body.choices[0].finish_reason' stop
done
is chat.out tool '.response.body.choices[0] | [.finish_reason, .message.tool_calls[0].type, .message.tool_calls[0].function.name, .message.tool_calls[0].function.arguments, .message.content] | map(tostring) | join(" ")' \
    'tool_calls function f {"a":0} null'
is chat.out schema '.response.body.choices[0].message.content | fromjson | .a' 5
is chat.out logprobs '.response.body.choices[0].logprobs.content[0] | [.token, (.top_logprobs | length)] | map(tostring) | join(" ")' "echo 2"
is chat.out reasoning '.response.body.choices[0].message.reasoning_content' "The user is to be echoed."
is chat.out cut '.response.body.choices[0].finish_reason' length
is chat.out plain '.response.body.usage.completion_tokens_details.reasoning_tokens' 7
is chat.out plain '.sluice.usage.output_tokens' "$(of chat.out plain .response.body.usage.completion_tokens)"
is chat.out seed .response.body.error.code unsupported_parameter
of chat.out seed .response.body.error.message | grep -q 'body.seed: .*the API has nothing like it' || fail "seed: $(of chat.out seed .)"
is chat.out dropped '.sluice.drop_params | sort | join(" ")' "seed stop"
wants 1 -i chat.jsonl -o chat2.out -c c.yaml --store chat.store
is chat2.out plain .sluice.cache hit
is chat2.out tool .sluice.cache hit
is chat2.out cut .sluice.cache miss

# ---- /v1/responses by models whose provider has a chat API only ----

flat='"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},"strict":true}],"tool_choice":{"type":"function","name":"f"}'
{
    for m in old claude command llama; do
        respond "text-$m" "\"model\":\"$m\",\"instructions\":\"Be brief.\",\"input\":\"hello $m\",\"max_output_tokens\":64"
        case $m in old | claude) # the others cannot be told which tool to call
            respond "tool-$m" "\"model\":\"$m\",\"input\":\"hello $m\",\"max_output_tokens\":64,$flat" ;;
        esac
        respond "length-$m" "\"model\":\"$m\",\"input\":\"meets length\",\"max_output_tokens\":64"
        respond "state-$m" "\"model\":\"$m\",\"input\":\"x\",\"previous_response_id\":\"resp_0\""
    done
} >by.jsonl
wants 1 -i by.jsonl -o by.out -c c.yaml --store by.store
for m in old claude; do
    is by.out "tool-$m" '.response.body.output[-1] | [.type, .name, .arguments] | join(" ")' 'function_call f {"a":0}'
done
for m in old claude command llama; do
    is by.out "text-$m" '.response.body | [.object, .status, .instructions] | join(" ")' "response completed Be brief."
    is by.out "text-$m" '[.response.body.output[] | select(.type == "message") | .content[].text] | join("")' "echo: hello $m"
    is by.out "length-$m" '.response.body | [.status, .incomplete_details.reason] | join(" ")' "incomplete max_output_tokens"
    is by.out "state-$m" .response.status_code 400
    of by.out "state-$m" .response.body.error.message | grep -q 'body.previous_response_id: is state .*params.mode: responses' || fail "state-$m: $(of by.out "state-$m" .)"
done
wants 1 -i by.jsonl -o by2.out -c c.yaml --store by.store
is by2.out text-claude .sluice.cache hit
is by2.out length-old .sluice.cache miss
echo "dialect-responses: all good"
