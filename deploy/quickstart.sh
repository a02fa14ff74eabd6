#!/usr/bin/env bash
# From a fresh Debian 12 to an agent that watches a world of real servers, in one command.
#
#   deploy/quickstart.sh                 installs, builds, starts the world and the agent, and says what to try
#   deploy/quickstart.sh --demo-script   the same, then kills and revives an auth server by itself and checks that all
#                                        that should happen does; exit status 0 only then
#
#   --no-install   take the installed packages as they are
#   --no-build     take build/release/sluice as it is
#   --help
#
# Everything runs on loopback, on free ports, in a temporary folder. Ctrl-C stops all of it and leaves nothing behind.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
world=$source_dir/deploy/demo/world.sh
sluice=${SLUICE:-$source_dir/build/release/sluice} # SLUICE: another build of it, as the tests use
config=$source_dir/deploy/config/example.yml

demo_script=no install=yes build=yes
for option in "$@"; do
  case $option in
    --demo-script) demo_script=yes ;;
    --no-install) install=no ;;
    --no-build) build=no ;;
    -h | --help)
      sed -n '2,12s/^# \{0,1\}//p' "$0"
      exit 0 ;;
    *)
      echo "quickstart.sh: unknown option $option (try --help)" >&2
      exit 2 ;;
  esac
done

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() { echo "quickstart.sh: $*" >&2; exit 1; }

if [[ $install == yes ]]; then
  say "Installing what is missing"
  "$source_dir/deploy/install-deps.sh" --demo
fi
if [[ $build == yes ]]; then
  say "Building (the first time takes some minutes)"
  (cd "$source_dir" && cmake --preset release >/dev/null && cmake --build --preset release)
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/sluice-demo.XXXXXX")
leave() {
  trap '' INT TERM HUP
  # All that runs in the background, by bash's own list: a signal may come before a variable has its $!.
  local running
  running=$(jobs -p)
  # shellcheck disable=SC2086
  if [[ $running ]]; then
    kill -TERM $running 2>/dev/null || true
    wait $running 2>/dev/null || true
  fi
  "$world" down "$dir"
  rm -rf "$dir"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say "Starting the world"
"$world" up "$dir"
"$world" status "$dir"
set -a
# shellcheck source=/dev/null
. "$dir/world.env"
set +a

say "Starting the agent"
"$sluice" check config "$config"
setsid "$sluice" run --config.file="$config" --web.listen-address="$SLUICE_LISTEN_ADDRESS" \
  >"$dir/agent.log" 2>&1 </dev/null &
agent=$!

# What there is to see. Each is a command that fails until it is so.
metrics() { curl -fsS --max-time 2 "$SLUICE_URL/metrics"; }
probe_success_is() { metrics | grep -E "^probe_success\{.*instance=\"$AUTH_SERVER_1\".*\} $1( |$)"; }
all_probes_succeed() { metrics | grep -q '^probe_success{' && ! metrics | grep -E '^probe_success\{.*\} 0( |$)'; }
flag=auth_server:disabled:$AUTH_SERVER_1
flag_ttl() { redis-cli -u "$REDIS_URL" ttl "$flag"; }
flag_is_set() { [[ $(redis-cli -u "$REDIS_URL" get "$flag") == 1 && $(flag_ttl) -gt 0 ]]; }
flag_is_gone() { [[ $(redis-cli -u "$REDIS_URL" exists "$flag") == 0 ]]; }
api_leaves_it_out() { curl -fsS "$API_SERVER_1/health" | jq -e --arg a "$AUTH_SERVER_1" '.disabled == [$a]'; }
api_uses_it() { curl -fsS "$API_SERVER_1/health" | jq -e --arg a "$AUTH_SERVER_1" '.using | index($a)'; }
messages() { curl -fsS "$RECEIVER_URL/messages?kind=$1"; }
about_it='select(.body | tostring | contains($a))'
slack_tells() { # firing or resolved
  messages slack | jq -e --arg a "$AUTH_SERVER_1" --arg state "$1" \
    "[.[] | $about_it | .body | tostring | ascii_downcase | select(contains(\$state))] | length > 0"
}
triggered='[.[].body | select(.event_action == "trigger") | select(tostring | contains($a)) | .dedup_key] | unique'
pagerduty_triggered() { messages pagerduty | jq -e --arg a "$AUTH_SERVER_1" "$triggered | length > 0"; }
pagerduty_resolved() { # all that was triggered
  messages pagerduty | jq -e --arg a "$AUTH_SERVER_1" \
    "[.[].body | select(.event_action == \"resolve\") | .dedup_key] as \$resolved
     | $triggered | length > 0 and (. - \$resolved | length) == 0"
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
# see LIMIT_S WHAT COMMAND...: waits until the command succeeds and tells how long that took since `since_ms`.
see() {
  local limit=$1 what=$2 passed
  shift 2
  until "$@" >/dev/null 2>&1; do
    passed=$(($(now_ms) - since_ms))
    kill -0 "$agent" 2>/dev/null || give_up "the agent stopped while waiting for: $what"
    ((passed < limit * 1000)) || give_up "not seen within $limit s: $what"
    sleep 0.1
  done
  passed=$(($(now_ms) - since_ms))
  printf '  %3d.%d s  %s\n' $((passed / 1000)) $((passed / 100 % 10)) "$what"
}
give_up() {
  echo "--- the agent's last words:" >&2
  tail -20 "$dir/agent.log" >&2
  echo "--- what the receiver got:" >&2
  tail -20 "$dir/receiver.log" >&2
  die "$1"
}

since_ms=$(now_ms)
see 30 "the agent answers" metrics
see 30 "every probe succeeds" all_probes_succeed

if [[ $demo_script == yes ]]; then
  say "Killing the first auth server, $AUTH_SERVER_1"
  since_ms=$(now_ms)
  "$world" kill "$dir" auth1
  see 60 "probe_success is 0 in /metrics" probe_success_is 0
  see 60 "its flag is in Redis" flag_is_set
  see 60 "the API servers leave it out" api_leaves_it_out
  see 60 "Slack was told" slack_tells firing
  see 60 "PagerDuty was triggered" pagerduty_triggered
  echo "           $flag expires in $(flag_ttl) s unless it is renewed"

  say "Reviving it"
  since_ms=$(now_ms)
  "$world" revive "$dir" auth1
  see 60 "probe_success is 1 again" probe_success_is 1
  see 90 "its flag is gone" flag_is_gone
  see 90 "the API servers use it again" api_uses_it
  see 90 "Slack was told that it is resolved" slack_tells resolved
  see 90 "PagerDuty was told that it is resolved" pagerduty_resolved
  say "All of it was seen. What the receiver got:"
  cat "$dir/receiver.log"
  exit 0
fi

say "It runs"
cat <<EOF
  Look at      $SLUICE_URL/            the status page
               $SLUICE_URL/metrics
               $API_SERVER_1/health     which auth servers an API server uses
  Kill one     $world kill $dir auth1       and within seconds see, below, what Slack and PagerDuty get, and
               redis-cli -u $REDIS_URL ttl '$flag'
  Revive it    $world revive $dir auth1
  There are    redis postgres auth1 auth2 api1 api2 receiver; the agent's log is $dir/agent.log
  Stop         Ctrl-C

What Slack and PagerDuty get:
EOF
# In the background, because bash answers a signal only between two commands in the foreground.
tail -n +1 -f "$dir/receiver.log" &
wait "$agent" || true
give_up "the agent stopped"
