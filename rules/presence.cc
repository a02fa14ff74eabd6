#include "rules/presence.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/sample.h"
#include "rules/promql/functions.h"

namespace sluice::rules {

namespace {

using promql::Expr;

constexpr Duration kLookback = 5min;

Need combine(Need::Kind kind, std::vector<Need> children) {
  std::erase_if(children, [](const Need& need) { return need.kind == Need::Kind::kNothing; });
  if (children.empty()) return {};
  if (children.size() == 1) return std::move(children.front());
  Need out;
  out.kind = kind;
  out.children = std::move(children);
  return out;
}

Need needs_of_selector(const promql::VectorSelector& selector, Duration window,
                       const std::set<std::string, std::less<>>& recorded_names) {
  if (selector.at) return {};
  for (const Matcher& matcher : selector.matchers) {
    if (matcher.name() != kMetricName) continue;
    const auto produced = [&](std::string_view name) { return matcher.matches(name); };
    if (produced("ALERTS") || produced("ALERTS_FOR_STATE")) return {};
    if (std::any_of(recorded_names.begin(), recorded_names.end(), produced)) return {};
  }
  Need out;
  out.kind = Need::Kind::kSeries;
  out.matchers = selector.matchers;
  out.offset = selector.offset;
  out.window = window;
  for (const Matcher& matcher : out.matchers) out.selector += matcher.to_string() + ",";
  out.selector += fmt::format("{}:{}", out.offset.count(), out.window.count());
  return out;
}

std::string key_of(const Labels& labels, const Labels& names, std::vector<bool>& has) {
  std::string key;
  has.clear();
  for (const auto& name : names) {
    const std::string_view value = labels.get(name.name);
    has.push_back(!value.empty());
    key += value;
    key += '\xff';  // in no UTF-8 text
  }
  return key;
}

}  // namespace

Need needs_of(const Expr& expr, const std::set<std::string, std::less<>>& recorded_names) {
  if (const auto* selector = expr.as<promql::VectorSelector>()) {
    return needs_of_selector(*selector, kLookback, recorded_names);
  }
  if (const auto* matrix = expr.as<promql::MatrixSelector>()) {
    return needs_of_selector(*matrix->selector->as<promql::VectorSelector>(), matrix->range, recorded_names);
  }
  if (const auto* call = expr.as<promql::Call>()) {
    if (call->function->name == "absent" || call->function->name == "absent_over_time") return {};
  }
  if (const auto* binary = expr.as<promql::Binary>()) {
    Need left = needs_of(*binary->left, recorded_names);
    if (binary->op == promql::BinaryOp::kUnless) return left;
    Need right = needs_of(*binary->right, recorded_names);
    if (binary->op != promql::BinaryOp::kOr)
      return combine(Need::Kind::kAll, {std::move(left), std::move(right)});
    // One side that needs nothing satisfies an `or`.
    if (left.kind == Need::Kind::kNothing || right.kind == Need::Kind::kNothing) return {};
    return combine(Need::Kind::kAny, {std::move(left), std::move(right)});
  }
  std::vector<Need> children;
  for (const Expr* child : promql::children(expr)) children.push_back(needs_of(*child, recorded_names));
  return combine(Need::Kind::kAll, std::move(children));
}

bool Presence::alive(const Need& need, store::SeriesId id) const {
  const Timestamp to = at_ - to_ms(need.offset);
  const std::optional<Sample> newest = store_.latest(id, to - to_ms(need.window), to);
  return newest && !is_stale(newest->value);
}

bool Presence::any_alive(const Need& need) {
  if (const auto it = any_.find(need.selector); it != any_.end()) return it->second;
  const std::vector<store::SeriesId> ids = store_.select(need.matchers);
  const bool found = std::any_of(ids.begin(), ids.end(), [&](store::SeriesId id) { return alive(need, id); });
  any_.emplace(need.selector, found);
  return found;
}

bool Presence::present(const Need& need) {
  const auto each = [this](const Need& child) { return present(child); };
  switch (need.kind) {
    case Need::Kind::kNothing:
      return true;
    case Need::Kind::kSeries:
      return any_alive(need);
    case Need::Kind::kAll:
      return std::all_of(need.children.begin(), need.children.end(), each);
    case Need::Kind::kAny:
      return std::any_of(need.children.begin(), need.children.end(), each);
  }
  return true;
}

Presence::Live& Presence::live(const Need& need) {
  const auto [it, fresh] = live_.try_emplace(need.selector);
  if (fresh) {
    it->second.series = store_.select(need.matchers);
    std::erase_if(it->second.series, [&](store::SeriesId id) { return !alive(need, id); });
  }
  return it->second;
}

const Presence::Live::Projection& Presence::project(Live& live, const Labels& alert) {
  std::string names;
  for (const auto& label : alert) (names += label.name) += '\xff';
  const auto [it, fresh] = live.projections.try_emplace(std::move(names));
  if (fresh) {
    std::vector<bool> has;
    for (const store::SeriesId id : live.series) {
      std::string key = key_of(store_.labels(id), alert, has);
      it->second.values[has].insert(std::move(key));
    }
  }
  return it->second;
}

bool Presence::present_for(const Need& need, const Labels& alert) {
  const auto each = [&](const Need& child) { return present_for(child, alert); };
  switch (need.kind) {
    case Need::Kind::kNothing:
      return true;
    case Need::Kind::kAll:
      return std::all_of(need.children.begin(), need.children.end(), each);
    case Need::Kind::kAny:
      return std::any_of(need.children.begin(), need.children.end(), each);
    case Need::Kind::kSeries:
      break;
  }
  for (const auto& [has, values] : project(live(need), alert).values) {
    std::string key;
    size_t i = 0;
    for (const auto& label : alert) {
      if (has[i++]) key += label.value;
      key += '\xff';
    }
    if (values.contains(key)) return true;
  }
  return false;
}

}  // namespace sluice::rules
