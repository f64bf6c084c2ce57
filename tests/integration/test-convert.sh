#!/usr/bin/env bash
# convert: the requests that our dialects send (tests/fixtures/providers) become OpenAI's and themselves again, all or none
# of a file is converted, memory does not grow with the file, and what comes out runs.
# shellcheck disable=SC2013,SC2015,SC2119 # fail() ends the script
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"

convert() { "$SLUICE" convert "$@" 2>>report.txt || fail "convert $*: $(tail -3 report.txt)"; }

# 1. Each request of the fixtures, as a line of a batch: those that OpenAI's form can say come back as they were.
lines() { # DIALECT: "model TAB line"
    local f
    for f in "$ROOT/tests/fixtures/providers/$1"/*.json; do
        jq -r --arg d "$1" 'select((.sent.body.messages // .sent.body.contents | type) == "array")
            | (.sent.body.model // (.sent.url | capture("models/(?<m>[^:]*):").m)) as $m
            | [$m, (if $d == "gemini" then {key: "x", request: .sent.body} else {custom_id: "x", params: .sent.body} end | tojson)]
            | @tsv' "$f" | sed 's/\\\\/\\/g'
    done
}
same=0
for dialect in anthropic gemini; do
    lines "$dialect" >all.tsv
    for model in $(cut -f1 all.tsv | sort -u); do
        rm -f there.jsonl back.jsonl
        awk -F'\t' -v m="$model" '$1 == m { print $2 }' all.tsv >in.jsonl
        if ! "$SLUICE" convert --from "$dialect" --to openai -m "$model" in.jsonl there.jsonl 2>refused.txt; then
            [ ! -e there.jsonl ] || fail "a file with a bad line has an output"
            grep -q 'has no counterpart\|has nothing like\|have no counterpart\|can be said\|on the web only\|not converted' refused.txt ||
                fail "$(cat refused.txt)"
            sed -n 's/^in\.jsonl:\([0-9]*\):.*/\1d/p' refused.txt >cut.sed
            sed -i -f cut.sed in.jsonl
            convert --from "$dialect" --to openai -m "$model" in.jsonl there.jsonl
        fi
        convert --from openai --to "$dialect" -m "$model" there.jsonl back.jsonl
        jq -cS . in.jsonl >want.txt
        jq -cS . back.jsonl >got.txt
        cmp want.txt got.txt || fail "$dialect, $model: $(diff want.txt got.txt | head -4)"
        same=$((same + $(wc -l <in.jsonl)))
    done
done
[ "$same" -ge 60 ] || fail "only $same requests came back"

# 2. What comes out of a Message Batch file runs, and what fails is sent again from the vendor's own result file.
sim_start
config_for_sim c.yaml
for i in 1 2 3; do
    echo "{\"custom_id\":\"q$i\",\"params\":{\"model\":\"fast\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\",\"content\":\"prompt q$i\"}]}}"
done >batch.jsonl
convert --from anthropic --to openai batch.jsonl requests.jsonl
"$SLUICE" batch -i requests.jsonl -o out.jsonl -c c.yaml --store store --progress none 2>report.txt || fail "$(cat report.txt)"
all_answered out.jsonl 3
own_answers out.jsonl
{
    echo '{"custom_id":"q1","result":{"type":"errored","error":{"type":"error","error":{"type":"overloaded_error","message":"busy"}}}}'
    echo '{"custom_id":"q2","result":{"type":"expired"}}'
    echo '{"custom_id":"q3","result":{"type":"errored","error":{"type":"error","error":{"type":"invalid_request_error","message":"no"}}}}'
} >results.jsonl
convert --from anthropic --to openai results.jsonl errors.jsonl
"$SLUICE" batch -i requests.jsonl -o again.jsonl -c c.yaml --store store --progress none --retry-failed errors.jsonl 2>report.txt ||
    fail "$(cat report.txt)"
grep -q "2 taken: .*; 1 left" report.txt || fail "$(cat report.txt)"
all_answered again.jsonl 2
sim_stop

# 3. All bad lines are said, with line and field, and nothing is written; --lossy counts them.
{
    sed 's/"messages"/"top_k":3,"messages"/' batch.jsonl
    echo '{"custom_id":"q4"}'
} >bad.jsonl
rc=0
"$SLUICE" convert --from anthropic --to openai bad.jsonl no.jsonl 2>report.txt || rc=$?
[ "$rc" = 65 ] && [ ! -e no.jsonl ] && [ ! -e no.jsonl.tmp ] || fail "exit code $rc: $(ls)"
[ "$(grep -c '^bad.jsonl:[123]: params: top_k: ' report.txt)" = 3 ] || fail "$(cat report.txt)"
grep -q '^bad.jsonl:4: params: must be an object' report.txt || fail "$(cat report.txt)"
head -3 bad.jsonl >lossy.jsonl
"$SLUICE" convert --from anthropic --to openai --lossy lossy.jsonl - 2>report.txt | cmp - requests.jsonl || fail "$(cat report.txt)"
grep -q 'left out 3 times, first in line 1: top_k' report.txt || fail "$(cat report.txt)"
rc=0
"$SLUICE" convert --from anthropic --to openai batch.jsonl requests.jsonl 2>report.txt || rc=$?
[ "$rc" = 73 ] && grep -q 'requests.jsonl exists' report.txt || fail "$rc: $(cat report.txt)"

# 4. Two runs at once, of which the second is refused, a killed one, and files that stand where the output is made.
mkfifo slow
"$SLUICE" convert --from anthropic --to openai slow two.jsonl 2>slow.txt &
PIDS+=("$!")
exec 3>slow
head -1 batch.jsonl >&3
wait_for 20 test -e two.jsonl.convert || fail "the output is not made beside its place"
refused() { # CODE WORDS ARGUMENTS...
    local want=$1 words=$2 rc=0
    shift 2
    "$SLUICE" convert "$@" 2>report.txt || rc=$?
    [ "$rc" = "$want" ] && grep -q -- "$words" report.txt || fail "$*: $rc: $(cat report.txt)"
}
refused 73 'another run holds it' --from anthropic --to openai batch.jsonl two.jsonl
tail -n +2 batch.jsonl >&3
exec 3>&-
wait "${PIDS[-1]}" || fail "$(cat slow.txt)"
cmp two.jsonl requests.jsonl || fail "two runs at once mixed their outputs"
echo 'of a killed run, and torn' >killed.jsonl.convert
convert --from anthropic --to openai batch.jsonl killed.jsonl
cmp killed.jsonl requests.jsonl && [ ! -e killed.jsonl.convert ] || fail "what a killed run left is in the output"
for name in own.tmp own.convert; do
    cp batch.jsonl "$name"
    "$SLUICE" convert --from anthropic --to openai "$name" own 2>report.txt || true
    cmp batch.jsonl "$name" || fail "convert took its own input $name"
    rm -f own
done
refused 64 'own.convert is where own is made' --from anthropic --to openai own.convert own
refused 64 '--url is for --from cookbook' --from anthropic --to openai --url /v1/responses batch.jsonl new.jsonl
refused 64 '--max-tokens is for --to anthropic' --from anthropic --to openai --max-tokens 9 batch.jsonl new.jsonl
head -1 batch.jsonl | cat - results.jsonl | "$SLUICE" convert --from anthropic --to openai - - 2>report.txt >mixed.jsonl
grep -q '^convert: 1 requests, 3 results -> -' report.txt || fail "$(cat report.txt)"

# 5. 200,000 lines through a pipe, in memory that does not grow with them: the second half is 14 MB. (A sanitizer keeps
# what is freed.)
many() { # FROM TO
    awk -v from="$1" -v to="$2" 'BEGIN { for (i = from; i <= to; i++)
        printf "{\"custom_id\":\"q%d\",\"body\":{\"model\":\"m\",\"max_completion_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"prompt %d\"}]}}\n", i, i }'
}
peak_kb() { awk '/^VmHWM/ { print $2 }' "/proc/$1/status"; }
mkfifo feed
"$SLUICE" convert --from openai --to anthropic - - <feed >many.jsonl 2>report.txt &
converter=$!
exec 7>feed
many 1 100000 >&7
half=$(peak_kb $converter)
many 100001 200000 >&7
whole=$(peak_kb $converter)
exec 7>&-
wait $converter || fail "$(cat report.txt)"
[ -n "${ASAN_OPTIONS:-}" ] || [ $((whole - half)) -lt 7000 ] || fail "memory grew from $half to $whole KB"
[ "$(wc -l <many.jsonl)" = 200000 ] || fail "$(wc -l <many.jsonl) lines of 200000"
[ "$(tail -1 many.jsonl | jq -r '.params.messages[0].content[0].text')" = "prompt 200000" ] || fail "the last line is another"
echo "convert: all good ($same requests came back)"
