"use strict";
// Reads the public API every few seconds and shows it. Text goes in as text, never as markup.

const $ = (id) => document.getElementById(id);

async function data(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json()).data;
}

function element(tag, text, className) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

// rows: arrays of strings or [text, class].
function table(heads, rows, empty) {
  if (rows.length === 0) return element("p", empty, "quiet");
  const node = document.createElement("table");
  const head = node.createTHead().insertRow();
  for (const text of heads) head.append(element("th", text));
  const body = node.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) line.append(Array.isArray(cell) ? element("td", cell[0], cell[1]) : element("td", cell));
  }
  return node;
}

const since = (time) => {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  return seconds < 60 ? `${seconds}s` : seconds < 3600 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3600)}h`;
};
const classOf = { up: "good", down: "bad", unknown: "quiet" };

function showUpstreams(pools) {
  const rows = [];
  for (const pool of pools) {
    for (const target of pool.targets) {
      const state = target.disabled ? (pool.mode === "shadow" ? "would be disabled" : "disabled") : target.state;
      const why = target.by_operator ? `operator: ${target.reason}` : target.evidence || target.reason;
      rows.push([pool.pool, target.target, [target.fleet_verdict, classOf[target.fleet_verdict]],
                 [state, target.disabled ? "bad" : ""], why || (target.hold !== "none" ? `held: ${target.hold}` : "")]);
    }
  }
  $("upstreams").replaceChildren(table(["pool", "upstream", "verdict", "state", "why"], rows, "no pools are configured"));
}

function showAlerts(alerts) {
  const rows = alerts.map((alert) => [
    [alert.state, alert.state === "firing" ? "bad" : "warn"], alert.labels.alertname, alert.labels.instance || "",
    alert.annotations.summary || "", since(alert.activeAt)]);
  $("alerts").replaceChildren(table(["state", "alert", "instance", "summary", "for"], rows, "nothing is pending or firing"));
}

function showTargets(targets) {
  const rows = targets.map((target) => [
    target.labels.job, target.labels.instance, [target.health, classOf[target.health]],
    `${(target.lastScrapeDuration * 1000).toFixed(1)} ms`, target.lastError]);
  $("targets").replaceChildren(table(["job", "instance", "last probe", "took", "error"], rows, "no targets are configured"));
}

async function refresh() {
  try {
    const [upstreams, alerts, targets, build] = await Promise.all([
      data("/api/v1/upstreams"), data("/api/v1/alerts"), data("/api/v1/targets"), data("/api/v1/status/buildinfo")]);
    showUpstreams(upstreams.pools);
    showAlerts(alerts.alerts);
    showTargets(targets.activeTargets);
    const down = targets.activeTargets.filter((target) => target.health === "down").length;
    $("summary").textContent = `${targets.activeTargets.length} targets, ${down} failing, ${alerts.alerts.length} alerts · ${build.version}`;
  } catch (error) {
    $("summary").textContent = `the agent does not answer: ${error.message}`;
  }
}

// "#/silences/new?filter={a="b"}": what "Silence" links in messages lead to.
function parseMatchers(text) {
  const matchers = [];
  const pattern = /([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")/g;
  for (const [, name, op, value] of text.matchAll(pattern)) {
    matchers.push({ name, value: JSON.parse(value), isRegex: op.endsWith("~"), isEqual: op.startsWith("=") });
  }
  return matchers;
}

async function addSilence(event) {
  event.preventDefault();
  const fields = event.target.elements;
  const now = Date.now();
  const matchers = parseMatchers(fields.matchers.value);
  if (matchers.length === 0) {
    $("silence-answer").textContent = 'write matchers as name="value"';
    return;
  }
  const response = await fetch("/api/v2/silences", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ matchers, startsAt: new Date(now).toISOString(), endsAt: new Date(now + fields.hours.value * 3600e3).toISOString(),
                           createdBy: fields.author.value, comment: fields.comment.value }) });
  $("silence-answer").textContent = response.ok ? `silenced: ${(await response.json()).silenceID}` : await response.text();
}

function route() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  $("silence").hidden = path !== "/silences/new";
  if (!$("silence").hidden) $("silence-form").elements.matchers.value = new URLSearchParams(query).get("filter") || "";
}

$("silence-form").addEventListener("submit", addSilence);
addEventListener("hashchange", route);
route();
refresh();
setInterval(refresh, 3000);
