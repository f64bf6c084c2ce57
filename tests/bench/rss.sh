#!/bin/bash
# rss.sh [N [OPTIONS of sluice batch...]]: memory in MB of a file job of N prompts (default 1000000) of 2 KB
# against the simulator at each tenth of the job, with processor seconds and seconds so far. `anon` is what the
# program allocated, `file` the program and its libraries, `peak` the most that `rss` has been. Ends with 1 when
# not every prompt was answered by exactly one call.
#
#   SLUICE=build/sluice tests/bench/rss.sh
#
# Needs 6 KB of disk a prompt below $TMPDIR; PROMPTS=FILE takes these N prompts instead of making them.
# shellcheck source=tests/lib/scene.sh
source "$(dirname "$0")/../lib/scene.sh"
n=${1:-1000000}
shift || true

make_prompts() {
    awk -v n="$n" 'BEGIN { p = sprintf("%2000s", ""); gsub(/ /, "x", p); for (i = 1; i <= n; i++) printf \
        "{\"custom_id\":\"q%d\",\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"%d %s\"}]}}\n", i, i, p }'
}

# memory PID: VmRSS, RssAnon, RssFile and the peak of VmRSS, in MB.
memory() {
    awk '{ v[$1] = $2 / 1024 } END { printf "%7.1f %7.1f %7.1f %7.1f", v["VmRSS:"], v["RssAnon:"], v["RssFile:"],
        v["VmHWM:"] }' "/proc/$1/status"
}

# cpu PID: processor seconds so far.
cpu() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.1f", ($12 + $13) / hz }' "/proc/$1/stat"
}

# table PID: reads progress lines; prints a row for the first one at or past each tenth. What is no progress
# line is the report, and goes to stderr.
table() {
    local line answers tenth=1
    while read -r line; do
        case $line in
        '{"done":'*) ;;
        *)
            echo "$line" >&2
            continue
            ;;
        esac
        answers=${line#'{"done":'}
        answers=${answers%%,*}
        if [ $((answers * 10)) -ge $((tenth * n)) ] && [ -e "/proc/$1/stat" ]; then
            printf '%3d%% %8d %s %7s %6d\n' $((answers * 100 / n)) "$answers" "$(memory "$1")" "$(cpu "$1")" \
                $((SECONDS - began))
            tenth=$((answers * 10 / n + 1))
        fi
    done
}

[ -n "${PROMPTS:-}" ] || make_prompts >prompts.jsonl
PROMPTS=${PROMPTS:-$PWD/prompts.jsonl}
sim_start --answer lorem
config_for_sim c.yaml
mkfifo progress
printf '%4s %8s %7s %7s %7s %7s %7s %6s\n' at answers rss anon file peak cpu_s s
began=$SECONDS
"$SLUICE" batch -i "$PROMPTS" -o out.jsonl -c c.yaml --store store --progress json "$@" 2>progress &
pid=$!
PIDS+=("$pid")
table "$pid" <progress | tee rows
rc=0
wait "$pid" || rc=$?
calls=$(sim_stats .calls)
answers=$(wc -l <out.jsonl)
awk '$1 + 0 < 20 { early = $3 } $1 + 0 >= 90 && !late { late = $3 }
    END { if (early && late) printf "at 90 %%: %.2f times what it was at 10 %%\n", late / early }' rows
echo "rc=$rc answers=$answers calls=$calls repeated=$(sim_stats .repeated_bodies) seconds=$((SECONDS - began))"
sim_stop
[ "$rc" = 0 ] && [ "$answers" = "$n" ] && [ "$calls" = "$n" ]
