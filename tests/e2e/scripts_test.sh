#!/usr/bin/env bash
# The scripts people start: they parse, run strictly, explain themselves and refuse what they do not know.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

failed=0
fail() { echo "FAILED: $*"; failed=1; }

while read -r script; do
  bash -n "$script" || fail "$script does not parse"
  [[ -x $script ]] || fail "$script is not executable"
  grep -q '^set -euo pipefail$' "$script" || fail "$script is not strict"
done < <(git ls-files '*.sh')

for script in deploy/quickstart.sh deploy/install-deps.sh; do
  [[ $("$script" --help) == *"$script"* ]] || fail "$script --help does not show how to call it"
  status=0
  "$script" --no-such-option >/dev/null 2>&1 || status=$?
  [[ $status -eq 2 ]] || fail "$script took an unknown option (status $status)"
done

# Every package that a script names has to exist in Debian 12, or the first fresh machine finds out.
packages=$(sed -n '/^build=(/,/^)/p; /^demo=(/,/^)/p; /^test=(/,/^)/p' deploy/install-deps.sh | grep -v '[()]')
[[ $(wc -w <<<"$packages") -gt 30 ]] || fail "the package lists of install-deps.sh were not found"
# Only where apt has lists to look into.
if apt-cache show cmake >/dev/null 2>&1; then
  wanted=$(tr -s ' ' '\n' <<<"$packages" | sort -u | sed '/^$/d')
  # shellcheck disable=SC2086
  known=$(apt-cache show --no-all-versions $wanted 2>/dev/null | sed -n 's/^Package: //p' | sort -u)
  unknown=$(comm -23 <(echo "$wanted") <(echo "$known"))
  [[ -z $unknown ]] || fail "install-deps.sh names packages that do not exist:" $unknown
fi

if command -v systemd-analyze >/dev/null; then
  unit=$(mktemp -d)/sluice.service
  sed 's|/usr/local/bin/sluice|/bin/true|' deploy/systemd/sluice.service >"$unit"
  systemd-analyze verify "$unit" 2>&1 | grep -i sluice.service && fail "deploy/systemd/sluice.service has mistakes"
  rm -rf "$(dirname "$unit")"
fi
exit "$failed"
