#!/bin/bash
# CPU of 1,000 rule evaluations over 10,000 series: ours (promql_bench) beside Debian's Prometheus, in one run.
#
#   tests/bench/promql_vs_prometheus.sh build/release/bench/promql_bench [SECONDS]
#
# Prometheus gets the same hour of samples as blocks that end now, and evaluates the same rules every 5 s; its CPU time
# is read from /proc, its number of evaluations from its own metrics.
set -euo pipefail
bench=$(realpath "${1:?path of promql_bench}")
seconds=${2:-40}
folder=$(mktemp -d)
server=
stop() { if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; server=; fi; }
trap 'stop; rm -rf "$folder"' EXIT

echo "--- sluice"
"$bench"

if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
  echo "skipped: Debian's package prometheus is not installed"
  exit 0
fi
echo "--- $(prometheus --version 2>&1 | head -n 1)"
free_port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
cpu_ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
evaluations() { curl -fsS "http://127.0.0.1:$port/metrics" | awk '/^prometheus_rule_evaluations_total/ {n += $2} END {print n + 0}'; }
missed() { curl -fsS "http://127.0.0.1:$port/metrics" | awk '/^prometheus_rule_group_iterations_missed_total/ {n += $2} END {print n + 0}'; }

# Samples reach into the next minutes: rules must find data for as long as we measure.
"$bench" data $(($(date +%s) + seconds + 60)) >"$folder/data.om"
promtool tsdb create-blocks-from openmetrics "$folder/data.om" "$folder/tsdb" >/dev/null
for kind in broad narrow; do
  "$bench" rules "$kind" >"$folder/$kind.yml"
  printf 'global: {evaluation_interval: 5s}\nrule_files: [%s]\n' "$folder/$kind.yml" >"$folder/prometheus.yml"
  port=$(free_port)
  prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/tsdb" --log.level=error \
    --storage.tsdb.retention.time=100y --web.listen-address="127.0.0.1:$port" 2>"$folder/$kind.log" &
  server=$!
  until curl -fsS "http://127.0.0.1:$port/-/ready" >/dev/null 2>&1; do kill -0 "$server"; sleep 0.2; done
  sleep 6
  ticks=$(cpu_ticks "$server") count=$(evaluations)
  sleep "$seconds"
  ticks=$(($(cpu_ticks "$server") - ticks)) count=$(($(evaluations) - count))
  awk -v kind="$kind" -v ticks="$ticks" -v hz="$(getconf CLK_TCK)" -v n="$count" -v missed="$(missed)" 'BEGIN {
    if (n == 0) { print kind ": no evaluation ended in time"; exit }
    printf "%-6s: %.3f CPU-s per 1,000 evaluations (%d evaluations, %d iterations missed)\n", kind, ticks / hz * 1000 / n, n, missed }'
  stop
done
