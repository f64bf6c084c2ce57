#!/bin/bash
# Which rows a failure concerns, from the wire to the reply: for each class a model that fails, rows that have something
# in common with it (the key, the upstream model, both, the server), and what becomes of the task, of the tasks after it
# and of those that want this one model only.
. "$(dirname "$0")/../lib/scene.sh"
errors=$ROOT/tests/fixtures/errors/openai.jsonl
rest_ms=9000 # longer than the questions below take, on a busy machine as well

# Rows of each class: "self" fails; the others by what they have in common with it. "spare" is another provider.
#   alias: key and model   key: another model   model: another key   server: neither   away: both, at another server
# A line of the table: what fails and how often (times), who has answered that task in the end (by) after how many calls
# (calls), and which rows rest then. The task accepts all rows in this order.
cat >classes.jsonl <<'END'
{"class":"transport", "times":3, "calls":4, "by":"alias", "rest":[]}
{"class":"timeout", "times":2, "calls":3, "by":"alias", "rest":[]}
{"class":"transient", "times":3, "calls":4, "by":"alias", "rest":[]}
{"class":"bad_response", "times":2, "calls":3, "by":"alias", "rest":[]}
{"class":"unknown", "times":2, "calls":3, "by":"alias", "rest":[]}
{"class":"rate_limit", "times":1, "calls":2, "by":"model", "rest":["self","alias"]}
{"class":"overload", "times":1, "calls":2, "by":"key", "rest":["self","alias","model"]}
{"class":"request_too_large_for_tpm", "times":1, "calls":2, "by":"model", "rest":[]}
{"class":"quota", "times":1, "calls":2, "by":"model", "rest":["self","alias","key"], "off_s":900}
{"class":"credential", "times":1, "calls":2, "by":"model", "rest":["self","alias","key"], "off_s":3600}
{"class":"model_access", "times":1, "calls":2, "by":"model", "rest":["self","alias"], "off_s":600}
{"class":"model_gone", "times":1, "calls":2, "by":"key", "rest":["self","alias","model"], "off_s":86400}
{"class":"region", "times":1, "calls":2, "by":"alias", "rest":["self"], "off_s":86400}
{"class":"context_window", "times":1, "calls":2, "by":"spare", "rest":[]}
{"class":"content_policy", "times":1, "calls":2, "by":"spare", "rest":[]}
{"class":"caller_fault", "times":1, "calls":1, "by":null, "rest":[]}
END
tags=(self alias model key server away)

# How each class looks on the wire: as in the fixtures, where they have it.
fault() { # CLASS
    case $1 in
    transport) echo '{"kind":"reset"}' ;;
    timeout) echo '{"kind":"raw","status":504,"body":{"error":{"message":"late","type":"timeout_error"}}}' ;;
    unknown) echo '{"kind":"raw","status":300,"body":"?"}' ;;
    model_gone) echo '{"kind":"raw","status":410,"body":{"error":{"message":"The model has been retired.","type":"invalid_request_error","code":"model_decommissioned"}}}' ;;
    rate_limit | overload) jq -c --arg class "$1" --arg ms "$rest_ms" -n 'first(inputs | select(.class == $class))
        | {kind: "raw", status, body, headers: {"retry-after-ms": $ms}}' "$errors" ;;
    *) jq -c --arg class "$1" -n 'first(inputs | select(.class == $class)) | {kind: "raw", status, body}' "$errors" ;;
    esac
}

{
    while read -r class times; do
        fault "$class" | jq -c --arg model "$class-m1" --argjson times "$times" '{match: {$model}, $times, fault: .}'
    done < <(jq -r '"\(.class) \(.times)"' classes.jsonl)
    fault overload | jq -c '{match: {model: "two-m1"}, times: 1, fault: .}, {match: {model: "two-m2"}, times: 1, fault: .}'
    for class in quota credential model_access; do
        fault "$class" | jq -c --arg model "only-$class" '{match: {$model}, fault: .}'
    done
} >script.jsonl
sim_start --host 0.0.0.0 --script script.jsonl

row() { # NAME PROVIDER ADDRESS KEY UPSTREAM WINDOW
    echo "  - {model_name: $1, params: {model: $2/$5, api_base: 'http://$3:$SIM_PORT/v1', api_key: $4}, model_info: {max_input_tokens: $6}}"
}

settings() { # [MORE]: one task after the other
    echo "pool: {workers: 1, max_in_flight: 1}"
    echo "router_settings: {num_retries: 4, retry_base: 10ms, retry_max: 50ms, allowed_fails: 1000${1:-}}"
    echo "model_list:"
}

# ask ID MODEL...
ask() {
    jq -nc '$ARGS.positional[0] as $id | $ARGS.positional[1:] as $models | {custom_id: $id,
        body: {model: $models[0], messages: [{role: "user", content: $id}], max_tokens: 5}, sluice: {$models, cache: "off"}}' --args "$@"
}

# run NAME CODE: the batch NAME.in with NAME.yaml ends with the code.
run() {
    local rc=0
    "$SLUICE" batch -i "$1.in" -o "$1.out" -c "$1.yaml" --store "$1.store" --progress none 2>"$1.said" || rc=$?
    [ "$rc" = "$2" ] || fail "$1: ended with $rc: $(cat "$1.said")"
}

# 16 classes of 6 rows are more than one configuration may have: so two halves, with a run each.
half() { # NAME CLASS...
    local name=$1 n=0 class tag more=""
    shift
    case " $* " in *" context_window "*)
        more=", context_window_fallbacks: [{context_window-self: spare}], content_policy_fallbacks: [{content_policy-self: spare}]" ;;
    esac
    {
        settings "$more"
        row spare sim 127.0.9.9 spare spare 1000000
        for class in "$@"; do
            n=$((n + 1))
            row "$class-self" openai "127.0.1.$n" k1 "$class-m1" 1000
            row "$class-alias" openai "127.0.1.$n" k1 "$class-m1" 1000
            row "$class-key" openai "127.0.1.$n" k1 "$class-m2" 1000
            row "$class-model" openai "127.0.1.$n" k2 "$class-m1" 1000
            row "$class-server" openai "127.0.1.$n" k2 "$class-m2" 1000
            row "$class-away" openai "127.0.2.$n" k1 "$class-m1" 1000
        done
    } >"$name.yaml"
    {
        ask begin spare
        for class in "$@"; do
            ask "$class" "$class"-{self,alias,model,key,server,away} spare
            for tag in "${tags[@]}"; do ask "$class-$tag" "$class-$tag" spare; done
        done
        # Those that rest for a time are waited for.
        for class in "$@"; do
            case $class in rate_limit | overload) ask "$class-alone" "$class-self" ;; esac
        done
    } >"$name.in"
}

cat >judge.jq <<'END'
def milliseconds: capture("^(?<s>[^.]*)([.](?<ms>[0-9]+))?Z$")
    | (.s + "Z" | fromdate) * 1000 + ((.ms // "0") + "00" | .[:3] | tonumber);
($outcomes[0] | map({key: .custom_id, value: .}) | from_entries) as $by
| . as $row
| select($by[.class])
| def wrong(text): "\($row.class): \(text)";
  def full: if . == null or . == "spare" then . else "\($row.class)-\(.)" end;
  $by[.class] as $first
| [$first.sluice.attempts[] | .model] as $called
| $by["\(.class)-alone"] as $alone
| (if $first.sluice.attempts[0].class != $row.class then wrong("the class is \($first.sluice.attempts[0].class)") else empty end),
  (if ($called | length) != $row.calls then wrong("calls: \($called)") else empty end),
  (if $row.by and ($called[-1] != ($row.by | full) or $first.response.status_code != 200) then wrong("\($called[-1]) has answered") else empty end),
  (if $row.by == null and ($first.response.status_code != 400 or $first.response.body.error.message == null)
      then wrong("it did not end with what the provider said") else empty end),
  (("self", "alias", "key", "model", "server", "away") as $tag
   | [$by["\($row.class)-\($tag)"].sluice.attempts[] | .model] as $now
   | (if $row.rest | index($tag) then "spare" else $tag end | full) as $want
   | if $now != [$want] then wrong("after it, a task for \($tag) went to \($now)") else empty end),
  (if $alone == null then empty
   elif $alone.response.status_code != 200 or ($alone.sluice.attempts | length) != 1 then wrong("alone: \($alone.sluice.attempts)")
   elif ($alone.sluice.finished_at | milliseconds) - ($by.begin.sluice.finished_at | milliseconds) < $rest_ms
       then wrong("it did not rest for \($rest_ms) ms") else empty end)
END

mapfile -t classes < <(jq -r .class classes.jsonl)
half first "${classes[@]:0:8}"
half second "${classes[@]:8}"
run first 0
run second 1
for name in first second; do
    [ "$(wc -l <$name.out)" = "$(wc -l <$name.in)" ] || fail "$name: $(wc -l <$name.out) lines: $(cat $name.said)"
    jq -r --argjson rest_ms "$rest_ms" --slurpfile outcomes <(jq -s . $name.out) -f judge.jq classes.jsonl
done >wrong
[ ! -s wrong ] || fail "$(cat wrong)"
while read -r class seconds; do
    [ "$(grep -c "route off.*class=$class .*for_s=$seconds\$" second.said)" = 1 ] || fail "$class: not said once that it is off for $seconds s: $(cat second.said)"
done < <(jq -r 'select(.off_s) | "\(.class) \(.off_s)"' classes.jsonl)
[ "$(sim_stats .requests)" = "$(cat first.out second.out | jq -s 'map(.sluice.attempts | length) | add')" ] || fail "requests that no reply tells of"
echo "${#classes[@]} classes, $(cat first.out second.out | wc -l) tasks"

# Two overloaded models are an overloaded server: its third is not asked, another server is.
{
    settings
    for n in 1 2 3; do row "two-$n" openai 127.0.3.1 k1 "two-m$n" 1000; done
    row away openai 127.0.3.2 k1 two-m3 1000
} >two.yaml
{ ask a two-1 two-2 two-3 away; ask b two-3 away; } >two.in
run two 0
[ "$(jq -sc 'sort_by(.custom_id) | map([.sluice.attempts[].model])' two.out)" = '[["two-1","two-2","away"],["away"]]' ] ||
    fail "two overloads: $(cat two.out)"
echo "two overloaded models: ok"

# Nothing is left: a run ends at once and says why in one sentence.
only() { # CLASS CODE TEXT
    { settings; for n in only too; do row $n openai 127.0.4.1 k1 "only-$1" 1000; done; } >"only-$1.yaml"
    for n in 1 2 3 4 5; do ask "$n" only too; done >"only-$1.in"
    run "only-$1" "$2"
    [ "$(grep -c "$3" "only-$1.said")" = 1 ] || fail "$1: said $(cat "only-$1.said")"
    echo "$1 on every row: exit code $2, $(grep -o "$3.*" "only-$1.said")"
}
before=$(sim_stats .requests)
only quota 75 "paused: out of credit"
only credential 77 "every model refuses to answer"
only model_access 77 "every model refuses to answer"
[ "$(($(sim_stats .requests) - before))" = 3 ] || fail "$(($(sim_stats .requests) - before)) calls instead of one for each"
# A window is learned: of three requests that are too large, one is refused; a smaller one still goes there.
# The model that takes them is large enough by configuration.
fault context_window | jq -c '{match: {model: "narrow", contains: "long"}, fault: .}' >window.jsonl
sim_stop
sim_start --host 0.0.0.0 --script window.jsonl
{
    settings ", context_window_fallbacks: [{narrow: wide}]"
    row narrow openai 127.0.5.1 k1 narrow 0
    row wide openai 127.0.5.1 k1 wide 100000
} >window.yaml
long=$(printf 'long %.0s' {1..8000})
for n in 1 2 3; do ask "$n" narrow; done | jq -c --arg long "$long" '.body.messages[0].content = $long + .custom_id' >window.in
ask 4 narrow >>window.in
run window 0
[ "$(jq -sc 'sort_by(.custom_id) | map([.sluice.attempts[].model])' window.out)" = '[["narrow","wide"],["wide"],["wide"],["narrow"]]' ] ||
    fail "windows: $(jq -c .sluice window.out)"
echo "a learned window: ok"
echo "test-error-scopes: ok"
