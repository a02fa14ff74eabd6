#!/usr/bin/env bash
# How many targets one agent keeps up with: TARGETS (5,000) HTTP targets every INTERVAL (5s) against nginx on loopback, for
# SECONDS_LONG (30). Prints probes, missed and late runs, CPU and memory; exits 1 if a run was missed.
#
#   tests/bench/targets.sh [path to sluice]
#
# What real probes' samples take: TARGETS=400 INTERVAL=1s SECONDS_LONG=240 is an hour's samples at 15 s, of 10,000 series.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
sluice=${1:-build/release/sluice}
targets=${TARGETS:-5000} interval=${INTERVAL:-5s} seconds=${SECONDS_LONG:-30}

dir=$(mktemp -d)
nginx_port=$((20000 + RANDOM % 6000)) agent_port=$((26000 + RANDOM % 6000))
agent='' nginx=''
leave() {
  [[ -z $agent ]] || kill "$agent" 2>/dev/null || true
  [[ -z $nginx ]] || kill "$nginx" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$dir"
}
trap leave EXIT

cat >"$dir/nginx.conf" <<CONF
daemon off; master_process off; pid $dir/nginx.pid; error_log $dir/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
  server { listen 127.0.0.1:$nginx_port backlog=4096; location / { return 200 "fine\n"; } }
}
CONF
nginx -c "$dir/nginx.conf" & nginx=$!
{
  echo "global: {interval: $interval, timeout: 1s}"
  echo "web: {listen_address: '127.0.0.1:$agent_port'}"
  echo "modules: {http: {prober: http, http: {preferred_ip_protocol: ip4}}}"
  echo "probes:"
  echo "  - job_name: many"
  echo "    module: http"
  echo "    static_configs:"
  echo "      - targets:"
  for ((i = 0; i < targets; i++)); do echo "        - http://127.0.0.1:$nginx_port/$i"; done
} >"$dir/sluice.yml"
"$sluice" run --config.file="$dir/sluice.yml" --log.level=error & agent=$!

value() { curl -fsS "http://127.0.0.1:$agent_port/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
until curl -fsS "http://127.0.0.1:$agent_port/-/ready" >/dev/null 2>&1; do kill -0 "$agent"; sleep 0.1; done
sleep "${interval%s}" # everybody has run once: the start is not what is measured
cpu_before=$(value process_cpu_seconds_total)
samples_before=$(value sluice_store_samples_appended_total) store_before=$(value sluice_store_bytes) rss_before=$(value process_resident_memory_bytes)
sleep "$seconds"
cpu_after=$(value process_cpu_seconds_total)
samples_after=$(value sluice_store_samples_appended_total) store_after=$(value sluice_store_bytes) rss_after=$(value process_resident_memory_bytes)
missed=$(value sluice_probe_missed_total)
good=$(curl -fsS "http://127.0.0.1:$agent_port/metrics" | grep -c '^probe_success{.*} 1$' || true)
awk -v targets="$targets" -v good="$good" -v missed="$missed" -v late="$(value sluice_probe_late_total)" -v lag="$(value sluice_event_loop_lag_seconds)" \
  -v cpu="$(awk "BEGIN { print $cpu_after - $cpu_before }")" -v seconds="$seconds" -v interval="${interval%s}" \
  -v rss="$(value process_resident_memory_bytes)" -v series="$(value sluice_store_series)" 'BEGIN {
    probes = targets * seconds / interval
    printf "%d targets every %ds for %ds: %d succeed, %d missed, %d late; %.2f CPU-s = %.3f per 1,000 probes; %.0f MiB, %d series\n",
      targets, interval, seconds, good, missed, late, cpu, cpu / probes * 1000, rss / 1048576, series
  }'
awk -v samples="$(awk "BEGIN { print $samples_after - $samples_before }")" -v store="$(awk "BEGIN { print $store_after - $store_before }")" \
  -v rss="$(awk "BEGIN { print $rss_after - $rss_before }")" 'BEGIN {
    printf "%d samples more: %.2f bytes each as the store counts, %.2f as the kernel counts the whole agent\n", samples, store / samples, rss / samples
  }'
[[ $missed == 0 && $good == "$targets" ]]
