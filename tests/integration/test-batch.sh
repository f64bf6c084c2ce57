#!/usr/bin/env bash
# batch end to end against the simulator: every fault, resume, coalescing, the error file.
. "$(dirname "$0")/../lib/scene.sh"

# 1. Real questions by template through a provider that fails in ordinary ways. Without the data set at hand,
# as many made-up ones.
questions() {
    local data=$ROOT/../shared/data/gsm8k-test.jsonl
    if [ -r "$data" ]; then
        cat "$data"
    else
        awk 'BEGIN { for (i = 1; i <= 1319; i++) printf "{\"question\":\"What is %d plus %d?\",\"answer\":\"%d\"}\n", i, i, 2 * i }'
    fi
}
questions >questions.jsonl
sim_start --rpm 60000 --fault 429:10,wait=200ms --fault 500:5 --fault reset:2 --fault cut:1 --latency 20ms
config_for_sim c.yaml "rpm: 60000"
"$SLUICE" batch -i questions.jsonl -o out.jsonl -t 'Solve: {question}' -m fast -c c.yaml --store store --progress none 2>report.txt ||
    { cat report.txt >&2; fail "batch ended with $?"; }
n=$(wc -l <questions.jsonl)
all_answered out.jsonl "$n"
jq -r '"row-\(input_line_number) echo: Solve: \(.question)"' questions.jsonl | sort >want.txt
jq -r '"\(.custom_id) \(.response.body.choices[0].message.content)"' out.jsonl | sort >got.txt
cmp want.txt got.txt || fail "an answer does not belong to its question"
[ "$(sim_stats '.violations.rpm + .violations.tpm + .violations.parallel')" = 0 ] || fail "limit violations"
for kind in 429 500 reset cut; do
    [ "$(sim_stats ".faults.\"$kind\"")" -gt 0 ] || fail "no fault of kind $kind was met"
done
[ "$(sim_stats .max_per_digest)" -le 4 ] || fail "a prompt was called more often than its faults explain"

# 2. The same command again makes no call; with the output gone it is served from the cache.
before=$(sim_stats .requests)
"$SLUICE" batch -i questions.jsonl -o out.jsonl -t 'Solve: {question}' -m fast -c c.yaml --store store --progress none 2>report.txt
rm out.jsonl out.jsonl.job
"$SLUICE" batch -i questions.jsonl -o out.jsonl -t 'Solve: {question}' -m fast -c c.yaml --store store --progress none 2>report.txt
[ "$(sim_stats .requests)" = "$before" ] || fail "a second run made calls"
all_answered out.jsonl "$n"
[ "$(jq -r .sluice.cache out.jsonl | sort -u)" = hit ] || fail "the second run did not hit the cache"
sim_stop

# 3. 1,000 rows of which 200 share one prompt: one call for the 200.
sim_start --latency 50ms
config_for_sim c.yaml
{ prompts 800; for i in $(seq 200); do
    echo "{\"custom_id\":\"same$i\",\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"the same\"}]}}"; done; } |
    awk 'BEGIN { srand(7) } { print rand() "\t" $0 }' | sort -n | cut -f2- >mixed.jsonl
"$SLUICE" batch -i mixed.jsonl -o mixed.out -c c.yaml --store store3 --progress none 2>report.txt
all_answered mixed.out 1000
[ "$(sim_stats .calls)" = 801 ] || fail "$(sim_stats .calls) calls for 801 different prompts"
[ "$(jq -r 'select(.custom_id | startswith("same")) | .sluice.cache' mixed.out | grep -c -E 'hit|coalesced')" = 199 ] ||
    fail "the 200 twins are not marked coalesced or hit"
sim_stop

# 4. Failures go to the error file, and the exit code says so.
sim_start --fault context:20 --latency 5ms
config_for_sim c.yaml
prompts 200 >in4.jsonl
rc=0
"$SLUICE" batch -i in4.jsonl -o out4.jsonl -e err4.jsonl -c c.yaml --store store4 --progress none 2>report.txt || rc=$?
[ "$rc" = 1 ] || fail "exit code $rc instead of 1 with failed lines"
[ $(($(wc -l <out4.jsonl) + $(wc -l <err4.jsonl))) = 200 ] || fail "lines are missing"
[ "$(jq -r '.response.body.error.code' err4.jsonl | sort -u)" = context_length_exceeded ] || fail "wrong error code"
grep -q "context_length_exceeded" report.txt || fail "the report does not name the failure"
sim_stop

# 5. Answers to other prompts under the same ids are not taken for answers to these; rows may be appended.
sim_start
config_for_sim c.yaml
run5() { "$SLUICE" batch -i t.csv -o t.out -m fast -c c.yaml --store store5 --progress none "$@" 2>report.txt; }
printf 'q\none\ntwo\n' >t.csv
run5 -t 'A {q}' || fail "$(cat report.txt)"
rc=0
run5 -t 'B {q}' || rc=$?
[ "$rc" = 73 ] || fail "another template went on ($rc): $(cat report.txt)"
grep -q "answers to other requests" report.txt || fail "no reason: $(cat report.txt)"
echo three >>t.csv
run5 -t 'A {q}' || fail "an appended row was refused: $(cat report.txt)"
[ "$(wc -l <t.out)" = 3 ] || fail "the appended row was not answered"
printf 'q\nnew\none\ntwo\nthree\n' >t.csv
rc=0
run5 -t 'A {q}' || rc=$?
[ "$rc" = 73 ] || fail "an inserted row went on ($rc)"

# 6. A reader that goes away ends the run.
prompts 500 p >p.jsonl
rc=0
timeout 120 "$SLUICE" batch -i p.jsonl -o - -c c.yaml --store store6 --progress none 2>report.txt | head -1 >first.txt || rc=$?
[ -s first.txt ] || fail "no line came through the pipe"
[ "$rc" = 74 ] || fail "exit code $rc when the reader went away: $(tail -3 report.txt)"
echo "batch: all good"
