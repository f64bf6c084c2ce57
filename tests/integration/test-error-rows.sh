#!/bin/bash
# Every error that tests/fixtures/errors knows, from the wire to the reply: what class it gets, how often the
# model that says it is asked, whether another model is, and how long a model that stands alone is left in peace.
#
# A file is a provider, a line an error: what is answered (status, headers, body) and its class; calls, how often
# it is asked when that is not what the class says; wait_ms, what it asks for.
. "$(dirname "$0")/../lib/scene.sh"
. "$(dirname "$0")/../lib/dialects.sh"
errors=$ROOT/tests/fixtures/errors

# Calls to the model, calls to the other one. A rate limit, an overload, a bad key or an empty account send the
# task on at once; what a repetition may cure is repeated first; what is wrong with the request stays wrong.
cat >classes.json <<'END'
{"rate_limit": [1, 1], "overload": [1, 1], "transient": [3, 1], "timeout": [2, 1], "bad_response": [2, 1],
 "request_too_large_for_tpm": [1, 1], "quota": [1, 1], "credential": [1, 1], "model_access": [1, 1], "model_gone": [1, 1],
 "region": [1, 1], "context_window": [1, 1], "content_policy": [1, 0], "caller_fault": [1, 0]}
END

# settings FILE: how its provider is reached at the simulator: sets provider, path and more.
settings() {
    provider=$1 path=/v1 more=""
    case $1 in
    scaleway) provider=openai ;;
    gemini) path=/v1beta ;;
    bedrock) path="" ;;
    azure) path="" more=", api_version: 2024-10-21" ;;
    esac
}

files=()
for file in "$errors"/*.jsonl; do
    name=$(basename "$file" .jsonl)
    case $name in
    azure | bedrock | gemini) known "$name" || continue ;;
    esac
    files+=("$name")
done

# One table: {name, file, row, ..., alone}; with a wait_ms a second one that is alone and says it only once.
for file in "${files[@]}"; do
    jq -c --arg file "$file" '. + {$file, name: "\($file)-\(input_line_number)", alone: false}' "$errors/$file.jsonl"
    jq -c --arg file "$file" 'select(.wait_ms) | . + {$file, name: "\($file)-\(input_line_number)-alone", alone: true}' "$errors/$file.jsonl"
done >table
jq -c '{match: {model: .name}, times: (if .alone then 1 else 0 end),
    fault: ({kind: "raw", status, body} + if .headers then {headers} else {} end)}' table >script.jsonl
sim_start --host 0.0.0.0 --script script.jsonl

# model NAME PROVIDER PATH MORE WINDOW: a row of model_list. Each at an address of its own: what one server says of
# itself does not concern the others.
rows=0
model() {
    printf '  - {model_name: %s, params: {model: "%s/%s", api_base: "http://127.0.%s.%s:%s%s", api_key: key-%s%s}, model_info: {max_input_tokens: %s}}\n' \
        "$1" "$2" "$1" $((rows / 250)) $((++rows % 250 + 1)) "$SIM_PORT" "$3" "$1" "$4" "$5"
}

config() { # FILE: a configuration with a model for each error of the file, and one that answers
    local provider path more name
    settings "$1"
    echo "model_list:"
    model spare sim /v1 "" 1000000
    while read -r name; do
        model "$name" "$provider" "$path" "$more" 1000
    done < <(jq -r --arg file "$1" 'select(.file == $file) | .name' table)
    echo "router_settings: {num_retries: 2, retry_base: 20ms, retry_max: 100ms, cooldown_time: 1s, allowed_fails: 1000}"
}

requests() { # FILE
    jq -c --arg file "$1" 'select(.file == $file) | {custom_id: .name,
        body: {model: .name, messages: [{role: "user", content: "hello"}], max_tokens: 10},
        sluice: {models: (if .alone then [.name] else [.name, "spare"] end), cache: "off"}}' table
}

# What is wrong with an outcome, a line each. $row: of the table, $class: what classes.json says.
cat >judge.jq <<'END'
def milliseconds: capture("^(?<s>[^.]*)([.](?<ms>[0-9]+))?Z$")
    | (.s + "Z" | fromdate) * 1000 + ((.ms // "0") + "00" | .[:3] | tonumber);
($outcomes[0] | map({key: .custom_id, value: .}) | from_entries) as $by
| $classes[0] as $classes
| select(.file == $file) as $row
| ($by[$row.name]) as $out
| [$out.sluice.attempts[] | select(.model == $row.name)] as $here
| [$out.sluice.attempts[] | select(.model == "spare")] as $there
| (if $row.alone then [1, 0] else $classes[$row.class] | .[0] = ($row.calls // .[0]) end) as $want
| ($here[:$want[0]] | map(.class) | unique) as $said
| def wrong(text): "\($row.file): \($row.row): \(text): \($out | tojson)";
  if $said != [$row.class] then wrong("the class is \($said | join(", ")), not \($row.class)")
  elif $row.alone then
      (if ($here | length) != 2 or $out.response.status_code != 200 then wrong("it was not asked once again")
       elif ($out.sluice.finished_at | milliseconds) - $started < $row.wait_ms then wrong("it was left in peace for less than \($row.wait_ms) ms")
       else empty end)
  elif ($here | length) != $want[0] then wrong("\($here | length) calls instead of \($want[0])")
  elif ($there | length) != $want[1] then wrong("\($there | length) calls of the other model instead of \($want[1])")
  elif $want[1] == 1 and ($out.sluice.model != "spare" or $out.response.status_code != 200)
      then wrong("the other model has not answered")
  elif $want[1] == 0 and ($out.response.body.error.message // $out.error.message // "") == ""
      then wrong("the reply does not say what is wrong")
  else empty end
END

run() { # FILE
    local rc=0 started
    mkdir "$1"
    config "$1" >"$1/c.yaml"
    requests "$1" >"$1/in.jsonl"
    started=$(date +%s%3N)
    "$SLUICE" batch -i "$1/in.jsonl" -o "$1/out" -c "$1/c.yaml" --store "$1/store" --progress none 2>"$1/said" || rc=$?
    [ "$rc" -le 1 ] || fail "$1: batch ended with $rc: $(cat "$1/said")"
    [ "$(wc -l <"$1/out")" = "$(wc -l <"$1/in.jsonl")" ] || fail "$1: $(wc -l <"$1/out") lines: $(cat "$1/said")"
    jq -r --arg file "$1" --argjson started "$started" --slurpfile classes classes.json --slurpfile outcomes <(jq -s . "$1/out") \
        -f judge.jq table >"$1/wrong"
    [ ! -s "$1/wrong" ] || fail "$(cat "$1/wrong")"
    echo "$1: $(wc -l <"$1/out") errors"
}

failed=0
for file in "${files[@]}"; do
    (trap - EXIT; run "$file") || failed=1
done
[ "$failed" = 0 ] || fail "errors are not met as they should be (see above)"
made=$(cat ./*/out | jq -s 'map(.sluice.attempts | length) | add')
[ "$(sim_stats .requests)" = "$made" ] || fail "$(sim_stats .requests) requests arrived, the replies tell of $made"
echo "test-error-rows: ok"
