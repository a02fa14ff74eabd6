#include "rules/lint.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/group.h"
#include "rules/promql/parser.h"

namespace sluice::rules {

namespace {

class Linter {
 public:
  Linter(const std::vector<RuleFile>& files, const KnownSeries* known) : files_(files) {
    if (known == nullptr) return;
    known_ = *known;
    known_->names.merge(recorded_names(files));
    known_->names.insert({"ALERTS", "ALERTS_FOR_STATE"});
  }

  Mistakes run() {
    for (const RuleFile& file : files_) {
      std::set<std::string> seen;
      for (const RuleGroup& group : file.groups) {
        for (const Rule& rule : group.rules) {
          check_duplicate(file, rule, seen);
          if (known_) check_selectors(file, rule, rule.expr);
          if (known_ && !rule.resolve_expr.empty()) check_selectors(file, rule, rule.resolve_expr);
        }
      }
    }
    return std::move(findings_);
  }

 private:
  void find(const RuleFile& file, SourcePosition at, std::string message) {
    findings_.push_back({file.path, at.line, at.column, std::move(message)});
  }

  void check_duplicate(const RuleFile& file, const Rule& rule, std::set<std::string>& seen) {
    const std::string identity = fmt::format("{} {}", rule.is_alert() ? "alert" : "record",
                                             rule.labels.with(kMetricName, rule.name()).to_string());
    if (seen.insert(identity).second) return;
    find(file, rule.at,
         fmt::format("{} {} with labels {} is in this file twice: their results would be mixed up",
                     rule.is_alert() ? "alert" : "recording rule", quote(rule.name()),
                     rule.labels.to_string()));
  }

  void check_selectors(const RuleFile& file, const Rule& rule, const std::string& text) {
    const Result<promql::ExprPtr> expr = promql::parse(text);
    if (!expr) return;
    promql::for_each_node(**expr, [&](const promql::Expr& node) {
      const auto* selector = node.as<promql::VectorSelector>();
      if (selector == nullptr) return;
      for (const Matcher& matcher : selector->matchers) {
        const std::string why =
            matcher.name() == kMetricName ? unknown_name(matcher) : unknown_value(matcher);
        if (!why.empty())
          find(file, rule.expr_at,
               fmt::format("{} {}: {}", rule.is_alert() ? "alert" : "recording rule", quote(rule.name()),
                           why));
      }
    });
  }

  std::string unknown_name(const Matcher& matcher) const {
    const auto matches = [&](const std::string& name) { return matcher.matches(name); };
    if (std::any_of(known_->names.begin(), known_->names.end(), matches)) return "";
    for (const std::string& prefix : known_->prefixes) {
      // A regex may well match some name with that prefix; only an exact name can be told.
      if (matcher.op() != MatchOp::kEqual || matcher.value().starts_with(prefix)) return "";
    }
    std::string why =
        fmt::format("nothing on this agent writes a metric {}",
                    matcher.op() == MatchOp::kEqual ? quote(matcher.value()) : matcher.to_string());
    if (matcher.op() == MatchOp::kEqual) {
      const std::string near =
          nearest(matcher.value(), std::vector<std::string_view>(known_->names.begin(), known_->names.end()));
      if (!near.empty()) why += fmt::format(", did you mean {}?", quote(near));
    }
    return why;
  }

  std::string unknown_value(const Matcher& matcher) const {
    const auto values = known_->values.find(matcher.name());
    if (values == known_->values.end() || matcher.matches_empty()) return "";
    const auto matches = [&](const std::string& value) { return matcher.matches(value); };
    if (std::any_of(values->second.begin(), values->second.end(), matches)) return "";
    return fmt::format("no {} of this agent matches {}", matcher.name(), matcher.to_string());
  }

  const std::vector<RuleFile>& files_;
  std::optional<KnownSeries> known_;
  Mistakes findings_;
};

}  // namespace

Mistakes lint(const std::vector<RuleFile>& files, const KnownSeries* known) {
  return Linter(files, known).run();
}

}  // namespace sluice::rules
