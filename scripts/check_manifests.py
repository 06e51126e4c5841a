#!/usr/bin/env python3
"""What the Kubernetes schemas do not demand and this deployment promises.

Takes the file that `kubectl kustomize` wrote. Every container must run restricted,
with probes, requests and limits, and every selector must meet the pods.
"""

import sys

import yaml

RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}


def containers(spec: dict, pod: dict):
    name = spec["metadata"]["name"]
    context = pod["securityContext"]
    if not context.get("runAsNonRoot") or context["seccompProfile"]["type"] != "RuntimeDefault":
        yield f"{name}: the pod must run as non-root under the default seccomp profile"
    for one in [*pod.get("initContainers", []), *pod["containers"]]:
        where = f"{name}/{one['name']}"
        own = one.get("securityContext", {})
        if any(own.get(key) is not value for key, value in RESTRICTED.items()):
            yield f"{where}: {RESTRICTED} must be set"
        if own.get("capabilities", {}).get("drop") != ["ALL"]:
            yield f"{where}: all capabilities must be dropped"
        for part in ("requests", "limits"):
            if not {"cpu", "memory"} <= set(one.get("resources", {}).get(part, {})):
                yield f"{where}: resources.{part} must name cpu and memory"
    for one in pod["containers"]:
        probes = {"livenessProbe": "/healthz", "readinessProbe": "/readyz"}
        for probe, path in probes.items():
            if one.get(probe, {}).get("httpGet", {}).get("path") != path:
                yield f"{name}/{one['name']}: {probe} must ask {path}"


def selectors(documents: list[dict], labels: dict):
    for document in documents:
        spec = document.get("spec", {})
        chosen = {
            "Service": spec.get("selector"),
            "PodDisruptionBudget": spec.get("selector", {}).get("matchLabels"),
            "NetworkPolicy": spec.get("podSelector", {}).get("matchLabels"),
        }.get(document["kind"], labels)
        if not chosen or not chosen.items() <= labels.items():
            yield f"{document['kind']} {document['metadata']['name']}: its selector {chosen} does not meet the pods"


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as stream:
        documents = [document for document in yaml.safe_load_all(stream) if document]
    workload = next(document for document in documents if document["kind"] == "StatefulSet")
    template = workload["spec"]["template"]
    breaches = [*containers(workload, template["spec"]), *selectors(documents, template["metadata"]["labels"])]
    for breach in breaches:
        print(breach)
    print(f"{len(documents)} manifests: {len(breaches) or 'no'} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
