#pragma once
// Inhibition: while the cause fires, its consequences are kept quiet.
//
// A rule names sources and targets by matchers, and labels that must be equal in both (a label that both lack
// is equal). An alert that matches a rule's target is inhibited while an alert that matches its source fires
// with the same values. An alert that matches both sides is not inhibited by alerts of which the same is
// true, itself included: else two equals would silence each other. Source of the semantics: Alertmanager's
// inhibit package.
//
// Firing sources are indexed by rule and the values of `equal`, so a question costs one hash look-up per rule
// whose target matches.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "alerts/config.h"
#include "core/alert.h"

namespace sluice::alerts {

class Inhibitor {
 public:
  explicit Inhibitor(std::vector<InhibitRule> rules);

  // Learns of an alert, or of its newer version.
  void update(const std::shared_ptr<const Alert>& alert);
  void forget(const Labels& labels);
  // The fingerprint of an alert that inhibits these labels at `now`.
  std::optional<Fingerprint> inhibiting(Timestamp now, const Labels& labels) const;

 private:
  struct Indexed {
    InhibitRule rule;
    // values of `equal` -> sources
    std::unordered_map<std::string, std::map<Fingerprint, std::shared_ptr<const Alert>>> sources;
  };
  std::vector<Indexed> rules_;
};

}  // namespace sluice::alerts
