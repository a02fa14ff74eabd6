#!/usr/bin/env bash
# Installs the Debian 12 packages that Sluice needs. Run it as root or as a user with sudo, as often as you like.
#
#   deploy/install-deps.sh          to build
#   deploy/install-deps.sh --demo   to build and to run the quickstart's world
#   deploy/install-deps.sh --test   to build and to run every test
#
# Debian starts the servers among them (Redis, PostgreSQL, nginx, Prometheus, Alertmanager) as soon as they are installed.
# Here they are programs that tests start by themselves, on ports of their own, so nothing is started or enabled, and
# what ran before goes on running.
set -euo pipefail

build=(
  build-essential git ca-certificates clang-19 libclang-rt-19-dev mold ninja-build ccache cmake pkg-config
  libboost1.81-dev libboost-url1.81-dev libboost-json1.81-dev libssl-dev libc-ares-dev libhiredis-dev
  libpqxx-dev libpq-dev prometheus-cpp-dev libyaml-cpp-dev libre2-dev zlib1g-dev libfmt-dev
  libgtest-dev libgmock-dev libcli11-dev
)
demo=(
  redis-server redis-tools postgresql postgresql-client curl jq python3 python3-redis procps util-linux
)
test=(
  redis-sentinel nginx-light prometheus prometheus-alertmanager openssl iproute2 python3-yaml python3-aiosmtpd
  clang-format-19 clang-tidy-19
  haproxy dnsmasq-base libnginx-mod-http-lua lua-nginx-redis python3-django python3-django-redis
)

case ${1:-} in
  '') wanted=("${build[@]}") ;;
  --demo) wanted=("${build[@]}" "${demo[@]}") ;;
  --test) wanted=("${build[@]}" "${demo[@]}" "${test[@]}") ;;
  -h | --help)
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 0 ;;
  *)
    echo "install-deps.sh: unknown option $1 (try --help)" >&2
    exit 2 ;;
esac
# The demo's auth servers run on Node.js. A Node.js that is there already is used, whoever installed it.
if [[ ${1:-} ]]; then
  command -v node >/dev/null || wanted+=(nodejs)
  command -v npm >/dev/null || wanted+=(npm)
fi

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }
missing=()
for package in "${wanted[@]}"; do is_installed "$package" || missing+=("$package"); done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "install-deps.sh: all ${#wanted[@]} packages are installed"
  exit 0
fi
echo "install-deps.sh: installing ${missing[*]}"

root=()
if [[ $EUID -ne 0 ]]; then
  command -v sudo >/dev/null || { echo "install-deps.sh: run this as root, or install sudo" >&2; exit 1; }
  root=(sudo)
fi

# policy-rc.d is what Debian's maintainer scripts ask before they start a service; 101 means: no. One that is there
# already is left alone, and ours is gone afterwards.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap '"${root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 755 "$policy"
fi
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300
  -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"

# At the next boot they would start all the same: leave enabled only what was there before.
if [[ -d /run/systemd/system ]]; then
  for service in redis-server redis-sentinel postgresql nginx prometheus prometheus-alertmanager haproxy; do
    if [[ " ${missing[*]} " == *" ${service/%nginx/nginx-light} "* ]]; then
      "${root[@]}" systemctl disable --quiet "$service" || true
    fi
  done
fi
echo "install-deps.sh: done"
