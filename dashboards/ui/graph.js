"use strict";
// The page that "Query" links in messages lead to: Prometheus's parameter g0.expr, one instant query, its answer as a table.

const form = document.getElementById("query");
const result = document.getElementById("result");

function cell(row, text, tag = "td") {
  const node = document.createElement(tag);
  node.textContent = text;
  row.append(node);
}

function labelText(metric) {
  const { __name__: name = "", ...labels } = metric;
  const inside = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(", ");
  return name + (inside ? `{${inside}}` : name ? "" : "{}");
}

function show(data) {
  const table = document.createElement("table");
  const add = (label, value) => {
    const row = table.insertRow();
    cell(row, label);
    cell(row, value);
  };
  if (data.resultType === "scalar" || data.resultType === "string") add(data.resultType, data.result[1]);
  else for (const series of data.result) add(labelText(series.metric), series.value ? series.value[1] : series.values.map((pair) => pair[1]).join(" "));
  result.replaceChildren(table);
  if (table.rows.length === 0) result.textContent = "no series";
}

async function query(expr) {
  const response = await fetch("/api/v1/query?query=" + encodeURIComponent(expr));
  const body = await response.json();
  if (body.status === "success") show(body.data);
  else result.textContent = body.error;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const expr = form.elements.expr.value;
  history.replaceState(null, "", "/graph?g0.expr=" + encodeURIComponent(expr) + "&g0.tab=1");
  query(expr);
});

const asked = new URLSearchParams(location.search).get("g0.expr");
if (asked) {
  form.elements.expr.value = asked;
  query(asked);
}
