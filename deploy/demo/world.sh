#!/usr/bin/env bash
# The throw-away world on loopback: a Redis, a PostgreSQL cluster, two auth servers, two API servers and a receiver that
# shows what Slack and PagerDuty would get. All of it lives in one folder and on free ports.
#
#   world.sh up DIR            starts everything and writes DIR/world.env, the variables of the example configuration
#   world.sh down DIR          stops everything and removes DIR
#   world.sh kill DIR NAME     kills one: redis, postgres, auth1, auth2, api1, api2 or receiver
#   world.sh revive DIR NAME   starts it again on its old port
#   world.sh status DIR        says what runs
#   world.sh packages          only installs the auth servers' npm packages
#
# Needs the packages of deploy/install-deps.sh. Works as root and as an ordinary user.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=/usr/bin/python3 # Debian's, which has python3-redis
names=(redis postgres auth1 auth2 api1 api2 receiver)

die() { echo "world.sh: $*" >&2; exit 1; }

# free_ports N: ports nobody listens on, below the range that outgoing connections use: a connection to a server that was
# killed must never meet itself or another client there.
free_ports() {
  "$python" - "$1" <<'EOF'
import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    candidate = socket.socket()
    try:
        candidate.bind(("127.0.0.1", random.randrange(20000, 32000)))
        held.append(candidate)
    except OSError:
        candidate.close()
print(*(s.getsockname()[1] for s in held))
EOF
}

# PostgreSQL refuses to run as root, so root lends it the user that Debian's package made.
postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }
as_postgres=()
if [[ $EUID -eq 0 ]]; then as_postgres=(setpriv --reuid postgres --regid postgres --clear-groups); fi

# start NAME COMMAND...: in the background, its output in DIR/NAME.log, its process in DIR/NAME.pid.
start() {
  local name=$1
  shift
  setsid --fork bash -c 'echo $$ >"$1"; shift; exec "$@"' _ "$dir/$name.pid" "$@" >>"$dir/$name.log" 2>&1 </dev/null
}

is_running() { [[ -s $dir/$1.pid ]] && kill -0 "$(<"$dir/$1.pid")" 2>/dev/null; }

# wait_for NAME COMMAND...: until the command succeeds, for thirty seconds.
wait_for() {
  local name=$1 tries
  shift
  for ((tries = 0; tries < 600; tries++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.05
  done
  echo "--- $dir/$name.log" >&2
  tail -20 "$dir/$name.log" >&2 || true
  die "$name did not start"
}
answers() { curl -fsS --max-time 1 "$1"; }

launch() {
  case $1 in
    redis) start redis redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --dir "$dir" ;;
    postgres)
      start postgres "${as_postgres[@]}" "$(postgres_bin)/postgres" -D "$dir/postgres/data" -p "$postgres_port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c shared_buffers=16MB ;;
    auth1) start auth1 node "$here/auth_server.mjs" "$auth1_port" "$dir/auth1.keys.json" ;;
    auth2) start auth2 node "$here/auth_server.mjs" "$auth2_port" "$dir/auth2.keys.json" ;;
    api1 | api2)
      local port=${1}_port
      start "$1" "$python" "$here/api_server.py" "${!port}" "$REDIS_URL" 'auth_server:disabled:{target}' \
        "http://127.0.0.1:$auth1_port" "http://127.0.0.1:$auth2_port" ;;
    receiver) start receiver "$python" "$here/receiver.py" "$receiver_port" ;;
    *) die "no such part: $1 (there are: ${names[*]})" ;;
  esac
}

wait_until_up() {
  case $1 in
    redis) wait_for redis redis-cli -u "$REDIS_URL" ping ;;
    postgres) wait_for postgres "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$postgres_port" ;;
    receiver) wait_for receiver answers "http://127.0.0.1:$receiver_port/messages" ;;
    *)
      local port=${1}_port
      wait_for "$1" answers "http://127.0.0.1:${!port}/health" ;;
  esac
}

make_cluster() {
  mkdir -p "$dir/postgres"
  (umask 077 && echo demo-secret >"$dir/postgres/password")
  if [[ $EUID -eq 0 ]]; then chown -R postgres:postgres "$dir/postgres"; fi
  "${as_postgres[@]}" "$(postgres_bin)/initdb" -D "$dir/postgres/data" -U demo --pwfile="$dir/postgres/password" \
    -A scram-sha-256 -E UTF8 --locale=C --no-sync >"$dir/postgres.log" 2>&1 ||
    { cat "$dir/postgres.log" >&2; die "initdb failed"; }
}

write_env() {
  local redis_port postgres_port auth1_port auth2_port api1_port api2_port receiver_port agent_port
  read -r redis_port postgres_port auth1_port auth2_port api1_port api2_port receiver_port agent_port < <(free_ports 8)
  cat >"$dir/world.env" <<EOF
redis_port=$redis_port
postgres_port=$postgres_port
auth1_port=$auth1_port
auth2_port=$auth2_port
api1_port=$api1_port
api2_port=$api2_port
receiver_port=$receiver_port
REDIS_URL=redis://127.0.0.1:$redis_port/0
REDIS_ADDRESS=127.0.0.1:$redis_port
POSTGRES_ADDRESS=127.0.0.1:$postgres_port
POSTGRES_USER=demo
POSTGRES_PASSWORD=demo-secret
DATABASE_URL=postgresql://demo:demo-secret@127.0.0.1:$postgres_port/postgres
AUTH_SERVER_1=http://127.0.0.1:$auth1_port
AUTH_SERVER_2=http://127.0.0.1:$auth2_port
AUTH_SERVERS=http://127.0.0.1:$auth1_port,http://127.0.0.1:$auth2_port
API_SERVER_1=http://127.0.0.1:$api1_port
API_SERVER_2=http://127.0.0.1:$api2_port
API_HEALTH_URL=http://127.0.0.1:$api1_port/health
RECEIVER_URL=http://127.0.0.1:$receiver_port
SLACK_WEBHOOK_URL=http://127.0.0.1:$receiver_port/slack
PAGERDUTY_URL=http://127.0.0.1:$receiver_port/v2/enqueue
PAGERDUTY_INTEGRATION_KEY=0123456789abcdef0123456789abcdef
SLUICE_LISTEN_ADDRESS=127.0.0.1:$agent_port
SLUICE_URL=http://127.0.0.1:$agent_port
SLUICE_DATA=$dir/data
EOF
}

load_env() {
  [[ -f $dir/world.env ]] || die "no world in $dir"
  set -a
  # shellcheck source=/dev/null
  . "$dir/world.env"
  set +a
}

up() {
  [[ -n $(postgres_bin) ]] || die "PostgreSQL is not installed: run deploy/install-deps.sh"
  mkdir -p "$dir"
  chmod 711 "$dir" # the user postgres must reach its own folder inside
  write_env
  load_env
  npm_packages
  make_cluster
  local name
  for name in "${names[@]}"; do launch "$name"; done
  for name in "${names[@]}"; do wait_until_up "$name"; done
}

# The auth servers' packages, exactly as package-lock.json pins them.
npm_packages() {
  local stamp=$here/node_modules/.package-lock.json
  (
    flock 9 # several worlds may start at once
    if [[ -f $stamp && ! $here/package-lock.json -nt $stamp ]]; then exit; fi
    cd "$here" && npm ci --loglevel=error --no-progress --ignore-scripts >/dev/null && touch "$stamp"
  ) 9<"$here/package-lock.json" || die "npm ci failed"
}

stop_one() { # NAME SIGNAL: and wait until it is gone
  local pid tries
  is_running "$1" || return 0
  pid=$(<"$dir/$1.pid")
  kill "-$2" "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  kill -KILL "$pid" 2>/dev/null || true
  rm -f "$dir/$1.pid"
}

down() {
  [[ -f $dir/world.env ]] || return 0
  local name
  for name in receiver api1 api2 auth1 auth2 redis; do stop_one "$name" TERM; done
  stop_one postgres QUIT # PostgreSQL's immediate shutdown: the cluster is thrown away
  rm -rf "$dir"
}

if [[ ${1:-} == packages ]]; then
  npm_packages
  exit
fi
[[ $# -ge 2 ]] || { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
command=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
case $command in
  up) up ;;
  down) down ;;
  kill) load_env; stop_one "${3:?which part?}" KILL ;;
  revive) load_env; launch "${3:?which part?}"; wait_until_up "$3" ;;
  status)
    load_env
    for name in "${names[@]}"; do
      if is_running "$name"; then echo "$name runs, process $(<"$dir/$name.pid")"; else echo "$name is down"; fi
    done ;;
  *) die "unknown command $command" ;;
esac
