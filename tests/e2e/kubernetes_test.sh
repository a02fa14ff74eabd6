#!/usr/bin/env bash
# deploy/kubernetes against Kubernetes' own schemas, and the configuration inside against the agent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
manifests=../../deploy/kubernetes

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd kubernetes && npm ci --loglevel=error --no-progress --ignore-scripts >/dev/null)
checked=(namespace configmap secret serviceaccount daemonset)
node kubernetes/check.mjs "${checked[@]/%/.yaml}" 2>/dev/null && { echo "missing files passed"; exit 1; }
node kubernetes/check.mjs $(printf "$manifests/%s.yaml " "${checked[@]}")

# Whoever adds a manifest adds it to the check, and to the kustomization.
for file in "$manifests"/*.yaml; do
  name=$(basename "$file" .yaml)
  [[ $name == kustomization || " ${checked[*]} " == *" $name "* ]] || { echo "$file is not checked"; exit 1; }
  [[ $name == kustomization || $name == secret ]] || grep -q -- "- $name.yaml" "$manifests/kustomization.yaml"
done

# The check can fail: a misspelt field, a wrong type, a missing one.
node kubernetes/check.mjs <(sed 's/readOnlyRootFilesystem/readOnlyRootFileSystem/' "$manifests/daemonset.yaml") && exit 1
node kubernetes/check.mjs <(sed 's/containerPort: 9808/containerPort: http/' "$manifests/daemonset.yaml") && exit 1

/usr/bin/python3 - "$manifests/configmap.yaml" "$dir" <<'EOF'
import sys, yaml
for name, text in yaml.safe_load(open(sys.argv[1]))["data"].items():
    open(f"{sys.argv[2]}/{name}", "w").write(text)
EOF
NODE_NAME=node-1 "$SLUICE" check config "$dir/sluice.yml"
