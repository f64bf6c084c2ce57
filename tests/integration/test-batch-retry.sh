#!/usr/bin/env bash
# batch --retry-failed: only what failed is sent again, its answers join those of the first run, a kill in the middle
# costs nothing, and the wrong file is refused before anything is sent.
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"

batch() { "$SLUICE" batch -i in.jsonl -c c.yaml --store store --progress none "$@" 2>report.txt; }

# 1. A provider that fails more often than not: without retries, rows fail that a second run can answer.
sim_start --fault 500:60 --latency 2ms
config_for_sim c.yaml
sed -i 's/retry_base/num_retries: 0, retry_base/' c.yaml
prompts 200 >in.jsonl
rc=0
batch -o out.jsonl -e err.jsonl || rc=$?
[ "$rc" = 1 ] || fail "exit code $rc: $(cat report.txt)"
failed=$(wc -l <err.jsonl)
[ "$failed" -gt 20 ] || fail "only $failed rows failed"
sim_stop

# 2. Two of them are made failures of the request itself.
jq -c '.sluice.attempts[-1].class = "caller_fault" | .response.status_code = 400' <(head -2 err.jsonl) >mixed.jsonl
tail -n +3 err.jsonl >>mixed.jsonl

# 3. A dry run counts the same rows and sends none.
sim_start --latency 2ms
config_for_sim c.yaml
"$SLUICE" batch --dry-run -i in.jsonl -o out.jsonl -c c.yaml --retry-failed mixed.jsonl >dry.txt 2>report.txt
grep -q "rows  *$((failed - 2)) (0 bad)" dry.txt || fail "the dry run counts other rows: $(cat dry.txt)"
[ "$(sim_stats .requests)" = 0 ] || fail "a dry run sent something"

# 4. The rest is sent and joins the output; the two stay where they are.
batch -o out.jsonl -e err2.jsonl --retry-failed mixed.jsonl || fail "$(cat report.txt)"
grep -q "retry of mixed.jsonl: $((failed - 2)) taken: .*; 2 left, since the same request fails again: 2 caller_fault" report.txt ||
    fail "the report does not say what was taken: $(cat report.txt)"
grep -q "batch: $((failed - 2)) of $((failed - 2)) done" report.txt || fail "other totals: $(cat report.txt)"
[ "$(sim_stats .calls)" = $((failed - 2)) ] || fail "$(sim_stats .calls) calls for $((failed - 2)) rows"
all_answered out.jsonl 198
own_answers out.jsonl

# 5. Once more does nothing; with --retry-all and another output, all failures of the file.
batch -o out.jsonl -e err2.jsonl --retry-failed mixed.jsonl || fail "$(cat report.txt)"
[ "$(sim_stats .calls)" = $((failed - 2)) ] || fail "a repeated retry made calls"
batch -o other.jsonl --retry-failed mixed.jsonl --retry-all || fail "$(cat report.txt)"
all_answered other.jsonl "$failed"
sim_stop

# 6. Killed in the middle, it goes on where it was: no row is answered twice, calls in flight excepted.
rm -rf store
jq -c '{custom_id, response: null, error: {code: "deadline_exceeded", message: "too late"}}' in.jsonl >err6.jsonl
sim_start --latency 200ms # 4 s between the look below and the end: enough for a kill on a busy machine
config_for_sim c.yaml
retry6=(-o out6.jsonl -e err6b.jsonl --retry-failed err6.jsonl --max-in-flight 8)
"$SLUICE" batch -i in.jsonl -c c.yaml --store store --progress none "${retry6[@]}" 2>/dev/null &
pid=$!
PIDS+=("$pid")
some() { [ "$(wc -l <out6.jsonl)" -ge 40 ]; }
wait_for 20 some || fail "the retry does not get on"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
batch "${retry6[@]}" || fail "$(cat report.txt)"
all_answered out6.jsonl 200
own_answers out6.jsonl
[ "$(sim_stats .calls)" -le 208 ] || fail "$(sim_stats .calls) calls for 200 rows and 8 in flight"
sim_stop

# 7. What is refused, before anything is sent or written.
refused() { # CODE WORDS ARGUMENTS...
    local want=$1 words=$2 rc=0
    shift 2
    batch "$@" || rc=$?
    [ "$rc" = "$want" ] || fail "$* ended with $rc: $(cat report.txt)"
    grep -q -- "$words" report.txt || fail "$*: $(cat report.txt)"
}
refused 64 "names the input" -o new.jsonl --retry-failed in.jsonl
refused 64 "same file, where a second reply" -o out.jsonl --retry-failed out.jsonl
refused 64 "what fails again" -o new.jsonl -e err.jsonl --retry-failed err.jsonl
refused 64 "needs --retry-failed" -o new.jsonl --retry-all
refused 66 "cannot read gone.jsonl" -o new.jsonl --retry-failed gone.jsonl
refused 65 "no failure among them" -o new.jsonl --retry-failed other.jsonl
sed 's/"custom_id":"q/"custom_id":"z/' err.jsonl >foreign.jsonl
refused 65 "foreign.jsonl:1: custom_id \"z.*\" is not in in.jsonl" -o new.jsonl --retry-failed foreign.jsonl
cat err.jsonl err.jsonl >twice.jsonl
refused 65 "failed in an earlier line already" -o new.jsonl --retry-failed twice.jsonl
[ ! -e new.jsonl ] || fail "a refused retry made an output"
head -c -20 err.jsonl >torn.jsonl
refused 65 "torn.jsonl:$failed was cut off .* let the command of that run end first" -o new.jsonl --retry-failed torn.jsonl
: >none.jsonl
batch -o new.jsonl --retry-failed none.jsonl || fail "a run without failures: $(cat report.txt)"

# 8. Over Kafka: the retry has an output and a manifest of its own, and resumes there.
"$SLUICE" dev --port 0 --store dev-store --sim-latency 5ms >dev.out 2>dev.log &
PIDS+=("$!")
wait_for 20 grep -q bootstrap.servers dev.out || fail "$(cat dev.log)"
kafka() {
    "$SLUICE" batch -i in.jsonl --set kafka."$(cat dev.out)" --set cache.path=no-store --progress none "$@" 2>report.txt
}
head -20 err6.jsonl >err8.jsonl
for _ in first second; do
    kafka -o out8.jsonl --retry-failed err8.jsonl || fail "$(cat report.txt)"
    all_answered out8.jsonl 20
done
rc=0
kafka -o out8.jsonl || rc=$?
[ "$rc" = 64 ] || fail "the manifest of a retry served for the whole job ($rc): $(cat report.txt)"
grep -q "each retry needs an output of its own" report.txt || fail "$(cat report.txt)"
echo "batch-retry: all good"
