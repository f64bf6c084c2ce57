# cluster: the brokers, the simulator, the proxy and the workers of one seed. Sourced by tests/chaos/run.
#
# A worker is kept alive by a supervisor, a subshell, as systemd would do it: the file run/wI.want says that it
# shall run, run/wI.pid holds its process id, run/wI.root the store path that it gets at its next start.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of run

log_dir=
broker=
sim=
sim_pid=
proxy_pid=
mounts=()

# pause SECONDS without a process
pause() { read -r -t "$1" _ <> <(:) || true; }

# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        pause 0.1
    done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

end_process() { # PID
    [ -n "$1" ] || return 0
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

small_disk() { # DIRECTORY SIZE: a disk of its own, where that can be had
    mkdir -p "$1"
    [ "$(id -u)" = 0 ] && mount -t tmpfs -o "size=$2" tmpfs "$1" 2>/dev/null || return 1
    mounts+=("$1")
}

proxied() { [ "$CHAOS" = net ] || [ "$CHAOS" = all ]; }

broker_dirs() {
    if [ "$BROKERS" = 3 ]; then
        echo "$work"/kafka/node-{1,2,3}
    else
        echo "$work/kafka"
    fi
}

start_cluster() {
    local what=start properties=$'log.cleaner.enable=false\nlog.message.timestamp.type=LogAppendTime'
    [ "$BROKERS" = 1 ] || what=cluster
    log_dir=$work/kafka/data
    [ "$BROKERS" = 1 ] || log_dir=$work/kafka/node-1/data
    if [ "$CHAOS" = all ] && [ "$BROKERS" = 1 ] && small_disk "$work/broker-disk" 2g; then
        log_dir=$work/broker-disk/data
        properties+=$'\n'log.dirs=$log_dir
    fi
    KAFKA_FIXTURE_PROPERTIES=$properties KAFKA_FIXTURE_HEAP=384m KAFKA_FIXTURE_PROXIED=$(proxied && echo true) \
        "$fixture" "$what" "$work/kafka" >"$run/bootstrap" 2>"$work/fixture.log" || {
        local code=$?
        cat "$work/fixture.log" >&2
        exit $code
    }
    broker=$(cat "$run/bootstrap")
    bootstrap=$broker
    proxied || return 0
    start_proxy
}

start_proxy() {
    local dir pair pairs=()
    bootstrap=
    for dir in $(broker_dirs); do
        read -r -a pair <"$dir/proxy"
        pairs+=("${pair[0]}:${pair[1]}")
        bootstrap+=${bootstrap:+,}127.0.0.1:${pair[0]}
    done
    mkfifo "$run/proxy"
    "$BUILD/tests/chaos/proxy" "$run/proxy" "${pairs[@]}" 2>"$work/proxy.log" &
    proxy_pid=$!
}

start_simulator() {
    "$SLUICE" sim --port 0 --port-file "$run/sim.port" --latency "$LATENCY" --seed "$seed" \
        2>"$work/sim.log" &
    sim_pid=$!
    until_true 20 test -s "$run/sim.port"
    sim=http://127.0.0.1:$(cat "$run/sim.port")
}

# Each worker asks for a model of its own, so that the simulator says whose calls are running. Client id and slot
# say to the checker on whose disk a partition was.
write_config() { # I
    local static=true
    [ "$CHAOS" != rebalance ] || static=false
    cat >"$work/w$1.yaml" <<CONF
delivery: $DELIVERY
kafka:
  bootstrap.servers: "$bootstrap"
  group.id: chaos
  client.id: w$1
  session.timeout.ms: 6000
  heartbeat.interval.ms: 1000
topics: {requests: [requests], replies: replies, dead_letter: dead, partitions: $PARTITIONS}
pool:
  max_in_flight: $max_in_flight
  max_calls: $MAX_CALLS
  max_per_partition: $MAX_PER_PARTITION
  drain_timeout: 10s
  static_membership: $static
model_list:
  - model_name: fast
    params:
      model: openai/sim-w$1
      api_base: "$sim/v1"
      api_key: none
      digest_header: X-Sluice-Digest
cache: {path: "$work/store"}
CONF
}

# The worker's exit codes go to run/ends: 137 is a kill, 0 a stop, and so is 143 of a worker that was told to
# stop before it could listen to signals; anything else it did on its own.
supervise() { # I
    local i=$1 code pid
    while [ -e "$run/w$i.want" ]; do
        CLOCK_JUMP_FILE=$run/clock LD_PRELOAD=$clock "$SLUICE" worker -c "$work/w$i.yaml" \
            --set cache.path="$(cat "$run/w$i.root")" 2>>"$work/w$i.log" &
        pid=$!
        echo "$pid" >"$run/w$i.pid"
        code=0
        wait "$pid" || code=$?
        rm -f "$run/w$i.pid"
        [ "$code" != 143 ] || [ -e "$run/w$i.want" ] || code=0
        echo "$i $code" >>"$run/ends"
        case $code in
        0 | 137) ;;
        73) note "worker w$i ended with 73: it cannot open its store, and made no call" ;;
        *)
            note "worker w$i ended with $code"
            echo "$MAX_CALLS" >>"$run/in_flight"
            ;;
        esac
        [ ! -e "$run/w$i.want" ] || pause 0.3
    done
}

unexpected_ends() { awk '$2 != 0 && $2 != 137' "$run/ends" | wc -l; }

start_worker() { # I
    [ -s "$run/w$1.root" ] || root_of "$1" >"$run/w$1.root"
    touch "$run/w$1.want"
    supervise "$1" 2>>"$work/supervisor.log" &
    echo $! >"$run/w$1.supervisor"
}

# All share one root, whose slots they take; where members come and go without an identity of their own, each
# has its disk by its name.
root_of() {
    if [ "$CHAOS" = rebalance ]; then
        echo "$work/store-w$1"
    else
        echo "$work/store"
    fi
}

start_workers() {
    local i
    clock=
    echo 0 >"$run/clock"
    : >"$run/ends"
    [ "$CHAOS" != all ] || clock=$BUILD/tests/chaos/clock_jump.so
    [ "$CHAOS" != all ] || small_disk "$work/store" 1g || note "no small disk for the store: not root"
    for ((i = 0; i <= WORKERS; i++)); do # one more than run at the begin, to join later
        write_config "$i"
    done
    "$SLUICE" topics create -c "$work/w0.yaml" >"$work/topics.log" 2>&1
    for ((i = 0; i < WORKERS; i++)); do
        start_worker "$i"
    done
}

# Every worker drains; one that does not end within a minute is a finding.
stop_workers() {
    local i pid code=0
    for ((i = 0; i <= WORKERS; i++)); do
        rm -f "$run/w$i.want"
        pid=$(cat "$run/w$i.pid" 2>/dev/null || true)
        [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true
    done
    for ((i = 0; i <= WORKERS; i++)); do
        pid=$(cat "$run/w$i.pid" 2>/dev/null || true)
        if [ -n "$pid" ] && ! until_true 60 gone "$pid"; then
            why="worker w$i did not end within 60 s of SIGTERM"
            kill -KILL "$pid" 2>/dev/null || true
            code=1
        fi
    done
    return $code
}

all_in_sync() {
    ! kcat -b "$broker" -L -J -m 5 | jq -e '.topics[].partitions[] | select((.isrs | length) < 3)'
}

# The history is read from one broker's files: it must have all.
wait_in_sync() {
    [ "$BROKERS" = 3 ] || return 0
    until_true 90 all_in_sync || {
        why="the brokers are not in sync after 90 s"
        return 1
    }
}

stop_cluster() {
    local m
    end_process "$sim_pid"
    end_process "$proxy_pid"
    sim_pid='' proxy_pid=''
    "$fixture" stop "$work/kafka" 2>/dev/null || true
    for m in $(broker_dirs); do
        "$fixture" kill "$m" 2>/dev/null || true
    done
    for m in "${mounts[@]}"; do
        umount "$m" 2>/dev/null || umount -l "$m" || true
    done
    mounts=()
}

# However the script ends, nothing of it stays.
stop_everything() {
    local f
    [ -n "${run:-}" ] || return 0
    rm -f "$run"/w*.want
    stop_nemesis
    for f in "$run"/w*.pid; do
        [ ! -e "$f" ] || kill -KILL "$(cat "$f")" 2>/dev/null || true
    done
    end_process "${enqueue:-}"
    stop_cluster
}
