#!/usr/bin/env bash
# Runs clang-tidy with the checks in .clang-tidy over the sources, or over those given.
#
#   tests/tidy/clang-tidy.sh [FILE...]
#
# Needs clang-tidy-19 and a configured dev preset (compile_commands.json). Not part of tests/run.sh: the whole tree
# takes about as long as a clean build. Exits 1 when there is a finding.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,7s/^# \{0,1\}//p' "$0"
  exit 0
fi
command -v clang-tidy-19 >/dev/null || { echo "clang-tidy.sh: skipped, clang-tidy-19 is not installed (apt-get install clang-tidy-19)" >&2; exit 77; }
[[ -f build/dev/compile_commands.json ]] || cmake --preset dev >/dev/null
if (($#)); then files=("$@"); else mapfile -t files < <(git ls-files '*.cc' ':!tests/fuzz' ':!tests/bench'); fi
# --quiet hides the count of suppressed warnings in system headers, not the findings.
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 --quiet -p build/dev 2> >(grep -v 'warnings\? generated' >&2)
