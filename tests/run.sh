#!/usr/bin/env bash
# Installs what the tests need, builds the dev preset (AddressSanitizer and UBSan) and runs everything through CTest.
#
#   tests/run.sh [CTest options...]      for instance: tests/run.sh -R rules
#
# SLUICE_NO_INSTALL=1 takes the installed packages as they are. Exits with CTest's status.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0"
  exit 0
fi
[[ ${SLUICE_NO_INSTALL:-} ]] || deploy/install-deps.sh --test
# A clone in another folder shares what was compiled before.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
jobs=$(nproc)

cmake --preset dev
cmake --build --preset dev -j "$jobs"
echo "tests/run.sh: built after $SECONDS s"
# The suites that take longest mostly wait.
exec ctest --preset dev --parallel "$((jobs + 1))" "$@"
