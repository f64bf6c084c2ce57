#!/bin/bash
# The model of a large pool (tests/bench/model.py): its arithmetic against numbers that can be worked out by hand, its
# simulations against what theory says of them, and that it says which of its figures were measured.
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"

model=$ROOT/tests/bench/model.py
PYTHONDONTWRITEBYTECODE=1 python3 - "$ROOT/tests/bench" <<'PY' || fail "the model's arithmetic"
import dataclasses, pathlib, sys
sys.path.insert(0, sys.argv[1])
import model as m

def near(name, got, wanted, share=1e-6):
    assert abs(got - wanted) <= share * abs(wanted), f"{name}: {got}, not {wanted}"

a = m.Assumed(records=86400 * 1000, processes=10, peak=2, hits=0.25, call_seconds=4, partitions_each=3,
              request_bytes=1000, reply_bytes=1000, stored_bytes=1000, replicas=3, days_kept=1, cache_days=2,
              broker_mb_s=4, broker_tb=1, broker_replicas=100, broker_cores=2, tokens_in=100, tokens_out=50,
              usd_million_in=1, usd_million_out=2, usd_core_hour=0.5)
w = m.Measured(hit_us=20, call_us=100, commit_ms=37, rss_mb=100,
               broker_transaction_us=15000)

r = m.rates(a)
for name, wanted in {"mean": 1000, "peak": 2000, "peak_each": 200, "in_flight": 2000 * 0.75 * 4}.items():
    near(name, r[name], wanted)
assert m.partitions(a) == 30
need, n, kept = m.brokers(a, w)
assert need == {"bytes written": 3, "disk": 1, "partitions": 2, "transactions of exactly_once": 2} and n == 3, (need, n)  # 12 MB/s by 4; 60 x 3 replicas by 100;
# 10 processes that commit every 100 ms by 1.2 cores
near("kept", kept, 86.4e6 * 2000 * 3)
f = m.fleet(a, w)
near("us", f["us"], 80)
near("cores", f["cores_peak"], 2000 * 80e-6)
near("store", f["store_gb_each"], 86.4e6 * 0.75 * 2 * 1000 / 10 / 1e9)
d = m.money(a, w)
near("provider", d["provider"], 86.4e6 * 0.75 * 200 / 1e6)
near("saved", d["saved by hits"] / d["provider"], 1 / 3)
near("brokers", d["brokers"], 3 * 2 * 24 * 0.5)

# A process with little to do commits each record alone, one with much to do as often as it may.
near("few", m.transactions_each(0.01, 37), 0.01, 0.01)
near("many", m.transactions_each(1e4, 37), 10)
near("slow broker", m.transactions_each(1e4, 400), 2.5)
near("few commits", m.commits_each(0.01), 0.01, 0.01)
near("many commits", m.commits_each(1e4), 4)
assert m.transactions_each(0, 37) == 0

# Waiting for one server: at half load p99 is near 3.1 services (M/D/1); beyond its load the queue only grows.
half = m.coordinator(500, 1000, seconds=200)
near("load", half["load"], 0.5)
near("p99 of the wait, ms", half["p99_ms"], 3.1, 0.15)
assert m.coordinator(1500, 1000, 40)["p99_ms"] > 1.5 * m.coordinator(1500, 1000, 20)["p99_ms"] > 5000

# A member that is back within its session is not missed; one that is not, twice: when it is given up, and when it is back.
quick = dataclasses.replace(a, processes=100, deploy_at_once=5, restart_seconds=5, session_seconds=45)
assert m.deploy(quick, static=True)["rebalances"] == 0
gone = m.deploy(dataclasses.replace(quick, session_seconds=0.1), static=True)
dynamic = m.deploy(quick, static=False)
assert gone["moved"] == dynamic["moved"] == 2 * 100 * 3, (gone, dynamic)
assert 20 < dynamic["rebalances"] <= 200 and dynamic["seconds"] <= dynamic["deploy_seconds"] + 12, dynamic
assert m.deploy(quick, False, seed=7) == m.deploy(quick, False, seed=7)
PY

cat >some.json <<'JSON'
{"samples": {"hit.exactly_once.cpu_us": [10, 30, 20], "call64.exactly_once.cpu_us": [50], "commit.p50_ms": [12],
  "commits.broker_us": [100], "transactions.broker_us": [1500]}}
JSON
BENCH_JSON=some.json python3 "$model" >out
grep -q 'Measured: some.json, but for call64.exactly_once.rss_kb: another run' out || fail "the source: $(grep Measured out)"
grep -q '| hit_us | 20 |' out || fail "the median of bench.json: $(grep hit_us out)"
BENCH_JSON=none.json python3 "$model" >out
grep -q 'Measured: a run of make bench-full' out || fail "no bench.json: $(grep Measured out)"
RECORDS=1e6 PROCESSES=3 python3 "$model" >out
grep -q '^3 processes, 1,000,000 records a day' out || fail "other sizes: $(head -n 1 out)"
for bad in PEAK=0 PEAK=x HITS=2 CALL_SECONDS=-1; do
    if env "$bad" python3 "$model" >/dev/null 2>err || ! grep -q "^${bad%%=*}=" err; then
        fail "$bad: $(cat err)"
    fi
done
HITS=0 python3 "$model" >/dev/null || fail "no hits"
