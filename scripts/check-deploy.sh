#!/usr/bin/env bash
# Checks deploy/ as the tools that will read it do: kustomize and the Kubernetes schemas, promtool, compose.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT/deploy"
venv=$("$ROOT/scripts/venv.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$venv/bin/kubectl" kustomize kubernetes/base > "$work/all.yaml"
"$venv/bin/kubernetes-validate" --strict "$work/all.yaml"
"$venv/bin/python" "$ROOT/scripts/check_manifests.py" "$work/all.yaml"

if command -v promtool >/dev/null; then
    promtool check config prometheus/prometheus.yml
    (cd prometheus && promtool test rules alerts_test.yml)
else
    note "Left out: promtool is not here"
fi

export CAIRN_ADMIN_KEY=ck_check GRAFANA_PASSWORD=check
if docker compose version >/dev/null 2>&1; then
    docker compose -f docker-compose.yml config --quiet
else
    note "Left out: the docker compose plugin is not here"
fi

"$venv/bin/python" -m json.tool grafana/boards/cairn.json > /dev/null
python3 "$ROOT/scripts/check_metrics.py"
