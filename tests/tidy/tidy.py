#!/usr/bin/env python3
"""Facts about this repository that must stay true. Each check returns its violations, one line each.

    tests/tidy/tidy.py            runs all of them
    tests/tidy/tidy.py includes   runs one
    tests/tidy/tidy.py --metrics  prints docs/metrics.md as the sources have it
"""
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tracked():
    """Files that git tracks or would track."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(path for path in out.stdout.splitlines() if os.path.exists(os.path.join(ROOT, path)))


FILES = tracked()


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def modules():
    """The table of CMakeLists.txt: folder -> (kind, folders it may include directly)."""
    table = {}
    for folder, kind, rest in re.findall(r"^sluice_module\((\S+)\s+(PURE|EDGE)\s*([^)]*)\)", read("CMakeLists.txt"), re.M):
        words = rest.split()
        deps = []
        if "DEPS" in words:
            for word in words[words.index("DEPS") + 1:]:
                if word == "LINKS":
                    break
                deps.append(word)
        table[folder] = (kind, deps)
    return table


def folder_of(path):
    return os.path.dirname(path)


def sources():
    return [path for path in FILES if path.endswith((".h", ".cc")) and not path.startswith("tests/")]


def check_includes():
    """A file includes only folders its own folder has an arrow to, directly or by way of another."""
    table = modules()

    def reachable(folder, seen):
        for dep in table.get(folder, ("", []))[1]:
            if dep not in seen:
                seen.add(dep)
                reachable(dep, seen)
        return seen

    bad = []
    for path in sources():
        folder = folder_of(path)
        if path == "agent/main.cc":
            continue
        if folder not in table:
            bad.append(f"{path}: its folder has no row in CMakeLists.txt")
            continue
        allowed = reachable(folder, {folder})
        for included in re.findall(r'^#include "([^"]+)"', read(path), re.M):
            if folder_of(included) not in allowed:
                bad.append(f"{path}: includes {included}, and {folder} has no arrow to {folder_of(included)}")
    return bad


def check_layers():
    """rules, alerts and exporters know nothing of the agent, nor of each other; core knows nothing of anybody."""
    table = modules()
    bad = []
    for folder, (_, deps) in table.items():
        top = folder.split("/")[0]
        for dep in deps:
            dep_top = dep.split("/")[0]
            if top == dep_top or top in ("agent",):
                continue
            if dep_top != "core":
                bad.append(f"CMakeLists.txt: {folder} -> {dep} points the wrong way")
    return bad


BANNED = [
    # pattern, files it is allowed in, why
    (r"boost/asio|boost/beast", lambda p: modules()[folder_of(p)][0] == "EDGE" if folder_of(p) in modules() else True, "Asio belongs to edges"),
    (r"yaml-cpp/", lambda p: p.startswith("agent/config/"), "yaml-cpp belongs to agent/config"),
    (r"(system_clock|steady_clock|high_resolution_clock)::now|\bclock_gettime\(|\bgettimeofday\(|\btime\(nullptr\)",
     lambda p: p == "core/net/clock.cc", "only core/net/clock reads clocks"),
    (r"\bsleep_for\b|\bsleep_until\(std::|\busleep\(|\bnanosleep\(|::sleep\(", lambda p: False, "nobody sleeps"),
    (r"asio::detached|\bdetached\)", lambda p: False, "a coroutine's end is somebody's business"),
    (r"\b(TODO|FIXME|XXX|HACK)\b", lambda p: False, "an issue, not a note"),
    (r"#include <regex>", lambda p: False, "use RE2"),
]


def check_banned():
    bad = []
    for path in sources():
        for number, line in enumerate(read(path).splitlines(), 1):
            for pattern, allowed, why in BANNED:
                if re.search(pattern, line) and not allowed(path):
                    bad.append(f"{path}:{number}: {line.strip()[:80]} ({why})")
            if path.endswith(".h") and re.match(r"\s*using namespace (?!std::chrono_literals)", line):
                bad.append(f"{path}:{number}: using namespace in a header")
    return bad


def check_pure():
    """What decides does no I/O: no files, sockets, threads, environment or logging."""
    table = modules()
    pattern = re.compile(r"#include <(fstream|iostream|thread|mutex|filesystem|sys/socket\.h|unistd\.h|fcntl\.h)>|std::getenv|\bgetenv\(|\bf?printf\(|\bfopen\(|\bputs\(")
    bad = []
    for path in sources():
        if table.get(folder_of(path), ("EDGE",))[0] != "PURE" or path in ("core/check.cc",):
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            if pattern.search(line):
                bad.append(f"{path}:{number}: {line.strip()}")
    return bad


def check_headers():
    return [f"{path}: no #pragma once" for path in sources() if path.endswith(".h") and "#pragma once" not in read(path)]


def check_tests():
    """Every header of a deciding folder is reached by a test: directly, or through what the tested sources include."""
    table = modules()
    test_text = "".join(read(path) for path in FILES if path.startswith("tests/") and path.endswith((".cc", ".h")))
    included = set(re.findall(r'#include "([^"]+)"', test_text))
    frontier = list(included)
    while frontier:
        path = frontier.pop()
        if path not in FILES:
            continue
        implementation = path[:-2] + ".cc" if path.endswith(".h") else ""
        texts = [read(path)] + ([read(implementation)] if implementation in FILES else [])
        for more in re.findall(r'#include "([^"]+)"', "\n".join(texts)):
            if more not in included:
                included.add(more)
                frontier.append(more)
    bad = []
    for path in sources():
        if path.endswith(".h") and table.get(folder_of(path), ("EDGE",))[0] == "PURE":
            implementation = path[:-2] + ".cc"
            if path not in included and implementation in FILES:
                bad.append(f"{path}: no test reaches it")
    return bad


def check_markdown():
    """Every path of the repository that a document names exists."""
    bad = []
    tops = {path.split("/")[0] for path in FILES if "/" in path}
    for path in FILES:
        if not path.endswith(".md") or path.startswith("rules/runbooks/"):
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            for name in re.findall(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.*-]+)+)/?`", line):
                if name.split("/")[0] not in tops or "*" in name or name.startswith("build/"):
                    continue
                if not any(file == name or file.startswith(name + "/") or file.startswith(name + ".") for file in FILES):
                    bad.append(f"{path}:{number}: {name} does not exist")
            if re.search(r"\b[a-z_]+\.(?:cc|h):\d+", line):
                bad.append(f"{path}:{number}: names a line number")
    return bad


def families():
    """Every metric family the sources declare: name -> (type, help)."""
    found = {}
    pattern = re.compile(r'\{\s*"([a-z][a-z0-9_:]*)"\s*,\s*(?:sluice::)?(?:MetricType::)?(k(?:Counter|Gauge|Histogram|Summary|Unknown))\s*,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', re.S)
    for path in sources():
        for name, kind, text in pattern.findall(read(path)):
            help_text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))
            found[name] = (kind[1:].lower(), help_text, path)
    return found


def check_metrics():
    """Our own families follow the naming rules, all have a help text, and docs/metrics.md names each exactly once."""
    bad = []
    documented = re.findall(r"^\| `([a-z0-9_:]+)`", read("docs/metrics.md"), re.M) if "docs/metrics.md" in FILES else []
    for name, (kind, help_text, path) in families().items():
        if not help_text.strip():
            bad.append(f"{path}: {name} has no help")
        if name.startswith("sluice_"):
            if kind == "counter" and not name.endswith("_total"):
                bad.append(f"{path}: counter {name} does not end in _total")
            if re.search(r"_(ms|milliseconds|minutes|kb|mb|percent)(_|$)", name):
                bad.append(f"{path}: {name} is not in base units")
        if documented.count(name) != 1:
            bad.append(f"docs/metrics.md: names {name} {documented.count(name)} times")
    for name in documented:
        if name not in families():
            bad.append(f"docs/metrics.md: {name} is exported by nobody")
    return bad


def check_alerts():
    """Every shipped alert has a runbook, a severity, a summary and a test."""
    bad = []
    test_text = "".join(read(path) for path in FILES if path.startswith("tests/rules/packs/"))
    for path in FILES:
        if not re.match(r"rules/packs/.*\.yml$", path):
            continue
        for block in re.split(r"\n\s*- (?=alert:|record:)", read(path)):
            match = re.match(r"alert:\s*(\w+)", block)
            if not match:
                continue
            name = match.group(1)
            if f"rules/runbooks/{name}.md" not in FILES:
                bad.append(f"{path}: {name} has no runbook")
            for key in ("severity:", "summary:", "runbook_url:"):
                if key not in block:
                    bad.append(f"{path}: {name} has no {key[:-1]}")
            if not re.search(rf"alertname:\s*{name}\b", test_text):
                bad.append(f"{path}: {name} has no test in tests/rules/packs")
    return bad


def check_grafana():
    """Dashboards use metrics that exist."""
    bad = []
    known = set(families()) | {"ALERTS", "ALERTS_FOR_STATE", "up"}
    functions = set(re.findall(r'\{"([a-z_0-9]+)",', "".join(read(p) for p in FILES if p.startswith("rules/promql/") and p.endswith(".cc"))))
    words = {"by", "without", "on", "ignoring", "group_left", "group_right", "sum", "avg", "min", "max", "count", "topk", "bottomk",
             "quantile", "bool", "and", "or", "unless", "offset", "rate", "increase", "vector", "time", "label_replace", "sort_desc", "sort", "changes"}
    for path in FILES:
        if not re.match(r"dashboards/grafana/.*\.json$", path):
            continue
        board = json.loads(read(path))
        expressions = [target["expr"] for panel in board.get("panels", []) for target in panel.get("targets", []) if "expr" in target]
        if not expressions:
            bad.append(f"{path}: no queries")
        for expression in expressions:
            bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"|(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
            for name in re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare):
                if name not in known and name not in words and name not in functions:
                    bad.append(f"{path}: {name} is exported by nobody: {expression}")
    return bad


def check_links():
    """Shell scripts are in strict mode and executable."""
    bad = []
    for path in FILES:
        if path.endswith(".sh") or path == ".ci/run":
            if "set -euo pipefail" not in read(path):
                bad.append(f"{path}: not in strict mode")
            if not os.access(os.path.join(ROOT, path), os.X_OK):
                bad.append(f"{path}: not executable")
    return bad


CHECKS = {name[len("check_"):]: check for name, check in list(globals().items()) if name.startswith("check_")}


def metrics_reference():
    """docs/metrics.md: a table of families for each folder that declares some."""
    by_folder = {}
    for name, (kind, text, path) in families().items():
        by_folder.setdefault(folder_of(path), []).append((name, kind, text))
    titles = {"agent/app": "The agent itself", "exporters": "Every probe", "exporters/http": "prober: http", "exporters/tcp": "prober: tcp",
              "exporters/oidc": "prober: oidc", "exporters/postgres": "prober: postgres", "exporters/redis": "prober: redis"}
    lines = ["# Metrics", "",
             "What `/metrics` shows. Series of probes carry `job` and `instance`; scrape the agent with `honor_labels: true`.",
             "`ALERTS`, `ALERTS_FOR_STATE` and recorded series of the rules come along. The agent's own metrics are also in its store, as",
             "`job=\"sluice\"`, for rules about the agent. This page is written by `tests/tidy/tidy.py --metrics`, and a test keeps it true.", ""]
    for folder in sorted(by_folder, key=lambda f: (f != "agent/app", f)):
        lines += [f"## {titles.get(folder, folder)}", "", "| metric | type | what it is |", "|---|---|---|"]
        for name, kind, text in sorted(by_folder[folder]):
            lines.append(f"| `{name}` | {kind} | {text.replace('|', '/')} |")
        lines.append("")
    return "\n".join(lines)


def main():
    if sys.argv[1:] == ["--metrics"]:
        print(metrics_reference())
        return 0
    wanted = sys.argv[1:] or list(CHECKS)
    failed = 0
    for name in wanted:
        violations = CHECKS[name]()
        for line in violations:
            print(f"{name}: {line}")
        failed += bool(violations)
    print(f"{len(wanted) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
