#include "alerts/inhibit.h"

#include <algorithm>

namespace sluice::alerts {
namespace {

bool all_match(const std::vector<Matcher>& matchers, const Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& m) { return m.matches(labels); });
}

// The values of the labels, each behind a byte that no UTF-8 text holds.
std::string values_of(const std::vector<std::string>& names, const Labels& labels) {
  std::string key;
  for (const std::string& name : names) {
    key += labels.get(name);
    key += '\xff';
  }
  return key;
}

}  // namespace

Inhibitor::Inhibitor(std::vector<InhibitRule> rules) {
  for (InhibitRule& rule : rules) rules_.push_back({std::move(rule), {}});
}

void Inhibitor::update(const std::shared_ptr<const Alert>& alert) {
  for (Indexed& indexed : rules_) {
    if (!all_match(indexed.rule.source, alert->labels)) continue;
    indexed.sources[values_of(indexed.rule.equal, alert->labels)][alert->fingerprint()] = alert;
  }
}

void Inhibitor::forget(const Labels& labels) {
  for (Indexed& indexed : rules_) {
    const auto at = indexed.sources.find(values_of(indexed.rule.equal, labels));
    if (at == indexed.sources.end()) continue;
    at->second.erase(labels.hash());
    if (at->second.empty()) indexed.sources.erase(at);
  }
}

std::optional<Fingerprint> Inhibitor::inhibiting(Timestamp now, const Labels& labels) const {
  for (const Indexed& indexed : rules_) {
    if (indexed.sources.empty() || !all_match(indexed.rule.target, labels)) continue;
    const auto at = indexed.sources.find(values_of(indexed.rule.equal, labels));
    if (at == indexed.sources.end()) continue;
    const bool both_sides = all_match(indexed.rule.source, labels);
    for (const auto& [fingerprint, source] : at->second) {
      if (source->resolved_at(now)) continue;
      if (both_sides && all_match(indexed.rule.target, source->labels)) continue;
      return fingerprint;
    }
  }
  return std::nullopt;
}

}  // namespace sluice::alerts
