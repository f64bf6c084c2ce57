# nemesis: what is done to the workers, the brokers, the network, the disks and the clock, and when. Sourced by
# tests/chaos/run.
#
# plan() makes the schedule from the seed before anything starts: lines "MILLISECONDS NEMESIS A B", A and B
# random numbers from which the nemesis chooses. So a seed gives the same events at the same times; what the
# programs do between them is theirs. Each event runs as a subshell of its own, so that a broker's restart does
# not hold up the kill of a worker; a target that is in the hands of another event is left alone.
# shellcheck shell=bash disable=SC2154 # variables of run

nemesis_pid=

# stream NEMESIS FIRST LEAST MOST: every LEAST to MOST milliseconds, from FIRST on, as long as a seed may take
stream() {
    local at=$2
    while [ "$at" -lt $((LIMIT * 1000)) ]; do
        echo "$at $1 $RANDOM $RANDOM"
        at=$((at + $3 + (RANDOM * 32768 + RANDOM) % ($4 - $3 + 1)))
    done
}

plan_all() {
    stream kill_worker 6000 6000 18000
    stream freeze_worker 9000 10000 20000
    stream join_or_leave 12000 15000 25000
    stream restart_broker 30000 45000 75000
    stream network 7000 8000 18000
    stream fill_store 20000 30000 50000
    stream jump_clock 10000 10000 30000
    stream change_disk 25000 20000 40000
    if [ "$BROKERS" = 3 ]; then
        stream roll_brokers 100000 150000 200000
    else
        stream fill_broker 100000 150000 200000
    fi
}

plan() {
    RANDOM=$seed
    case $CHAOS in
    kills)
        stream kill_worker 5000 4000 12000
        stream restart_broker 30000 55000 65000
        ;;
    rebalance) stream join_or_leave 8000 5000 5000 ;;
    disks) stream change_disk 8000 8000 16000 ;;
    net) stream network 5000 4000 12000 ;;
    all) plan_all ;;
    none) ;; # to compare with
    *)
        say "CHAOS is kills, rebalance, disks, net, all or none, not $CHAOS"
        return 64
        ;;
    esac
}

start_nemesis() {
    plan >"$run/plan.unsorted"
    sort -n "$run/plan.unsorted" >"$work/plan"
    touch "$run/nemesis.on"
    follow_plan &
    nemesis_pid=$!
}

follow_plan() {
    local at what a b ms plan_us=${EPOCHREALTIME/./}
    while read -r at what a b; do
        while :; do
            [ -e "$run/nemesis.on" ] || break 2
            ms=$((at - (${EPOCHREALTIME/./} - plan_us) / 1000))
            [ "$ms" -gt 0 ] || break
            [ "$ms" -lt 500 ] || ms=500
            pause "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
        done
        event "$what" "$a" "$b" &
    done <"$work/plan"
    wait # for the events that are under way: each of them puts right what it did
}

event() {
    "$@" 2>>"$work/nemesis-errors.log" || echo "$* failed" >>"$work/nemesis-errors.log"
}

stop_nemesis() {
    rm -f "$run/nemesis.on"
    [ -z "$nemesis_pid" ] || wait "$nemesis_pid" 2>/dev/null || true
    nemesis_pid=
}

# An event that lasts ends early when the run is over.
last() { # SECONDS
    local end=$((SECONDS + $1))
    while [ -e "$run/nemesis.on" ] && [ "$SECONDS" -lt "$end" ]; do
        pause 0.2
    done
}

# hold NAME: false when another event has it. A directory is made by one only.
hold() { mkdir "$run/$1.held" 2>/dev/null; }
release() { rmdir "$run/$1.held"; }

# ---- workers ----

running() { # I
    local pid
    pid=$(cat "$run/w$1.pid" 2>/dev/null) && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null
}

# Picks one of the workers that run and holds it; leaves its number in $victim and its process in $victim_pid.
take_worker() { # RANDOM
    local i k up=()
    for ((i = 0; i <= WORKERS; i++)); do
        ! running "$i" || up+=("$i")
    done
    for ((k = 0; k < ${#up[@]}; k++)); do
        i=${up[($1 + k) % ${#up[@]}]}
        if hold "w$i"; then
            victim=$i
            victim_pid=$(cat "$run/w$i.pid")
            return 0
        fi
    done
    note "no worker to be had"
    return 1
}

# calls_of I: calls begun and calls running, as the simulator sees them
calls_of() {
    curl -s -m 5 "$sim/stats" | jq -r --arg m "sim-w$1" '.models[$m] // {} | "\(.calls // 0) \(.in_flight // 0)"'
}

# How many calls may have been cut off. A call counts as in flight until its outcome is durable. What was running
# half a second before the end, and what began since, holds them all, given that half a second is enough to
# store an answer; and the worker never has more than MAX_CALLS, since a call keeps its place until it is stored.
# The smaller number is the bound. The worker stands still before it is looked at and killed.
kill_counted() { # I PID
    local before before_running after bound
    read -r before before_running < <(calls_of "$1")
    pause 0.5
    kill -STOP "$2" 2>/dev/null || return 0
    pause 0.02 # requests that are in the socket arrive
    read -r after _ < <(calls_of "$1")
    kill -KILL "$2"
    bound=$((before_running + after - before))
    [ "$bound" -le "$MAX_CALLS" ] || bound=$MAX_CALLS
    echo "$bound" >>"$run/in_flight"
    note "w$1 killed in_flight=$bound (running $before_running, begun since $((after - before)))"
}

kill_worker() {
    take_worker "$1" || return 0
    kill_counted "$victim" "$victim_pid"
    until_true 5 running "$victim" || true
    release "w$victim"
}

# Sometimes longer than the session: then its partitions move, and it finds out when it wakes.
freeze_worker() {
    local seconds=$((1 + $2 % 12))
    take_worker "$1" || return 0
    note "w$victim frozen for $seconds s"
    kill -STOP "$victim_pid" 2>/dev/null || true
    last "$seconds"
    kill -CONT "$victim_pid" 2>/dev/null || true
    note "w$victim runs on"
    release "w$victim"
}

# Between one worker less and one more than at the begin.
join_or_leave() {
    local i up=() down=()
    hold members || return 0
    for ((i = 0; i <= WORKERS; i++)); do
        if [ -e "$run/w$i.want" ]; then up+=("$i"); else down+=("$i"); fi
    done
    if [ ${#up[@]} -ge $((WORKERS + 1)) ] || { [ ${#up[@]} -ge "$WORKERS" ] && [ $(($1 % 2)) = 0 ]; }; then
        leave "${up[$2 % ${#up[@]}]}"
    else
        i=${down[$2 % ${#down[@]}]}
        note "w$i joins"
        start_worker "$i"
    fi
    release members
}

leave() { # I
    local pid
    hold "w$1" || return 0
    pid=$(cat "$run/w$1.pid" 2>/dev/null || true)
    rm -f "$run/w$1.want"
    note "w$1 leaves"
    if [ -n "$pid" ]; then
        kill -TERM "$pid" 2>/dev/null || true
        until_true 30 gone "$pid" || note "w$1 does not leave"
    fi
    release "w$1"
}

# A killed worker comes back on the other of two disks: the first time with a new identity and an empty journal,
# later with what it left there, which may be old.
change_disk() {
    local other
    take_worker "$1" || return 0
    other=$work/store-b
    [ "$(cat "$run/w$victim.root")" != "$other" ] || other=$(root_of "$victim")
    echo "$other" >"$run/w$victim.root"
    note "w$victim goes to $(basename "$other")"
    kill_counted "$victim" "$victim_pid"
    until_true 5 running "$victim" || true
    release "w$victim"
}

jump_clock() {
    local jumps=(-86400 -3600 -60 -5 5 60 3600 86400)
    echo "${jumps[$1 % 8]}" >"$run/clock"
    note "wall clock of the workers at ${jumps[$1 % 8]} s"
    last $((2 + $2 % 10))
    echo 0 >"$run/clock"
}

# ---- brokers ----

restart_broker() {
    local dirs dir how=stop
    hold broker || return 0
    read -r -a dirs <<<"$(broker_dirs)"
    dir=${dirs[$1 % ${#dirs[@]}]}
    [ $(($2 % 2)) = 0 ] || how='kill'
    restart_one "$dir" "$how"
    release broker
}

restart_one() { # DIRECTORY stop|kill
    note "broker $(basename "$1") down ($2)"
    "$fixture" "$2" "$1"
    "$fixture" restart "$1" 2>>"$work/fixture.log" || "$fixture" restart "$1" 2>>"$work/fixture.log" ||
        note "broker $(basename "$1") does not come back"
    note "broker $(basename "$1") up"
}

roll_brokers() {
    local dir
    hold broker || return 0
    for dir in $(broker_dirs); do
        restart_one "$dir" stop
        until_true 60 all_in_sync || note "not in sync"
    done
    release broker
}

# ---- network ----

network() {
    local orders=(cut refuse hold "delay 50" "delay 500" "throttle 20000" "throttle 2000")
    local order=${orders[$1 % 7]} seconds=$((1 + $2 % 8))
    hold network || return 0
    note "network: $order for $seconds s"
    echo "$order" >"$run/proxy"
    last "$seconds"
    echo pass >"$run/proxy"
    note "network: pass"
    release network
}

# ---- full disks ----

fill_up() { dd if=/dev/zero of="$1/ballast" bs=1M 2>/dev/null || true; }

is_mount() { mountpoint -q "$1"; }

fill_store() {
    is_mount "$work/store" && hold store || return 0
    note "disk of the store full"
    fill_up "$work/store"
    last $((2 + $1 % 8))
    rm -f "$work/store/ballast"
    note "disk of the store has room"
    release store
}

# Kafka ends when its disk is full; it comes back when there is room.
fill_broker() {
    is_mount "$work/broker-disk" && hold broker || return 0
    note "disk of the broker full"
    fill_up "$work/broker-disk"
    last 5
    rm -f "$work/broker-disk/ballast"
    restart_one "$work/kafka" kill
    release broker
}
