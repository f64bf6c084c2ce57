#!/bin/bash
# The demo of `make demo`: a simulated provider that fails in every ordinary way, an embedded Kafka broker and
# a worker (`sluice dev`), prompts in by `sluice enqueue`, replies out by `sluice collect`, and a check that
# every prompt has exactly one right answer. Everything it writes is in build/demo; the cache there stays, so
# that the second run calls no provider at all. Needs no key, no account and no network.
set -euo pipefail
cd "$(dirname "$0")/.."
sluice=${BUILD:-build}/sluice
dir=${BUILD:-build}/demo
prompts=$dir/prompts.jsonl
replies=$dir/replies.jsonl
count=1200     # prompts
same=200       # of these, how many ask the same question
ready_limit=30 # seconds until the broker must be up

bold=$(tput bold 2>/dev/null || true)
plain=$(tput sgr0 2>/dev/null || true)
[ -t 1 ] || bold='' plain=''
dev=''

say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }

# Shows a command as a user would type it, then runs it.
typed() {
    printf '%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
}

give_up() {
    echo "demo: $*" >&2
    if [ -s "$dir/dev.log" ]; then
        echo "demo: the end of $dir/dev.log:" >&2
        tail -n 20 "$dir/dev.log" >&2
    fi
    exit 1
}

stop() {
    [ -n "$dev" ] || return 0
    kill -TERM "$dev" 2>/dev/null || true
    wait "$dev" 2>/dev/null || true
    dev=''
}

# Every $count/$same-th line asks the same; all others are different from each other. While the model "fast" is
# overloaded, "smart" may answer.
make_prompts() {
    awk -v count="$count" -v same="$same" 'BEGIN {
        for (i = 1; i <= count; i++) {
            question = "What is " i " times " i + 1 "?"
            if (i % (count / same) == 0)
                question = "What do people mean by an idempotent operation?"
            printf "{\"custom_id\":\"prompt-%04d\",\"sluice\":{\"models\":[\"fast\",\"smart\"]},", i
            printf "\"body\":{\"model\":\"fast\",\"temperature\":0,"
            printf "\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}}\n", question
        }
    }' >"$prompts"
}

# The line that sluice dev prints when everything runs names the broker; the end of its output is its own end.
wait_until_ready() {
    local line='' code=0
    IFS= read -r -t "$ready_limit" -u "$said" line || code=$?
    [ "$code" -le 128 ] || give_up "sluice dev did not get ready in $ready_limit s"
    [ "$code" -eq 0 ] || give_up "sluice dev ended"
    broker=${line#bootstrap.servers=}
}

# Exactly one reply an id, a success, and the answer to its own question (the simulator says it back).
check_replies() {
    jq -nr --slurpfile prompts "$prompts" --slurpfile replies "$replies" '
        ($replies | group_by(.custom_id) | map({key: .[0].custom_id, value: .}) | from_entries) as $of
        | ($prompts | map(select(
              ($of[.custom_id] | length) != 1
              or $of[.custom_id][0].error != null
              or $of[.custom_id][0].response.status_code != 200
              or $of[.custom_id][0].response.body.choices[0].message.content
                 != "echo: " + .body.messages[-1].content))) as $wrong
        | "prompts:                              \($prompts | length)",
          "lines in the output:                  \($replies | length)",
          "exactly one valid reply to:           \(($prompts | length) - ($wrong | length))",
          "of these: " + ([$replies | group_by(.sluice.cache)[]
              | "\(.[0].sluice.cache) \(length)"] | join(", ")),
          "by model: " + ([$replies | group_by(.sluice.model)[]
              | "\(.[0].sluice.model) \(length)"] | join(", ")),
          if ($wrong | length) == 0 and ($prompts | length) == ($replies | length) then empty
          else "WRONG, for example: \($wrong[0].custom_id // "an id that nobody asked for")"
               | halt_error(1) end'
}

[ -x "$sluice" ] || give_up "$sluice is not there; type make"
mkdir -p "$dir"
# What the last run left, except the cache.
rm -f "$dir/said" "$replies" "$replies".* "$prompts".*
mkfifo "$dir/said"
trap stop EXIT

say "a broker, a worker and a provider that fails often, in the background (log: $dir/dev.log)"
command=("$sluice" dev --store "$dir/store"
    --set router_settings.cooldown_time=1s --sim-latency "lognormal:median=40ms,sigma=0.5"
    --fault "429:8,header=retry-after-ms,wait=500ms" --fault "429:1,header=retry-after,wait=1s" --fault 500:4
    --fault "503:1,model=sim-fast" --fault "529:1,model=sim-fast" --fault reset:2 --fault cut:2
    --fault "stall:1,for=1s")
printf '%s$ %s &%s\n' "$bold" "${command[*]}" "$plain"
"${command[@]}" >"$dir/said" 2>"$dir/dev.log" &
dev=$!
exec {said}<"$dir/said"
wait_until_ready
sim=$(sed -n 's|.*\(http://127[.]0[.]0[.]1:[0-9]*\)/v1.*|\1|p' "$dir/dev.log" | head -n 1)
[ -n "$sim" ] || give_up "sluice dev does not say where the simulator is"

make_prompts
say "$count prompts, of which $same ask the same question; the first:"
head -n 1 "$prompts"

say "prompts in, completions out"
typed "$sluice" enqueue -b "$broker" -i "$prompts"
typed "$sluice" collect -b "$broker" --run "$prompts.run" -o "$replies"

say "what came out; the first line:"
head -n 1 "$replies" | cut -c 1-400
check_replies || give_up "the output is not what it must be: $replies"

say "what the provider saw"
stats=$(curl -fsS "$sim/stats")
jq -r '"requests: \(.requests)",
    "calls to the provider (answers that a real one would bill): \(.calls)",
    "faults that it made: \(.faults | to_entries | map("\(.key) x \(.value)") | join(", ")
        | if . == "" then "none" else . end)"' <<<"$stats"
if [ "$(jq .calls <<<"$stats")" -eq 0 ]; then
    echo "Everything came from the cache; rm -r $dir/store to start afresh."
else
    echo "Type \`make demo\` again: the answers are in the cache now, and the provider gets no call."
fi
printf '\n%sOutput: %s%s\n' "$bold" "$replies" "$plain"
