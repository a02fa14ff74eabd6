#include "alerts/route_test.h"

#include <fmt/format.h>

#include <algorithm>

#include "alerts/pipeline.h"
#include "alerts/route.h"

namespace sluice::alerts {
namespace {

constexpr Duration kTolerance = 1s;
constexpr size_t kNotificationsMax = 10'000;

struct Told {
  Duration at{};
  std::string receiver;
  std::vector<Labels> firing, resolved;
  bool expected = false;
};

std::string list(const std::vector<Labels>& labels) {
  std::string out;
  for (const Labels& one : labels) out += (out.empty() ? "" : ", ") + one.to_string();
  return out;
}

std::string describe(Duration at, const std::string& receiver, const std::vector<Labels>& firing,
                     const std::vector<Labels>& resolved) {
  return fmt::format("{} {}{}{}", format_duration(at), receiver,
                     firing.empty() ? "" : " firing " + list(firing),
                     resolved.empty() ? "" : " resolved " + list(resolved));
}

bool has_all(const Labels& alert, const Labels& named) {
  return std::all_of(named.begin(), named.end(),
                     [&](const auto& label) { return alert.get(label.name) == label.value; });
}

// Each name fits an alert and each alert has a name.
bool same_alerts(const std::vector<Labels>& names, const std::vector<Labels>& alerts) {
  const auto fits = [](const Labels& name) {
    return [&name](const Labels& alert) { return has_all(alert, name); };
  };
  const bool all_come = std::all_of(names.begin(), names.end(), [&](const Labels& name) {
    return std::any_of(alerts.begin(), alerts.end(), fits(name));
  });
  const bool all_named = std::all_of(alerts.begin(), alerts.end(), [&](const Labels& alert) {
    return std::any_of(names.begin(), names.end(), [&](const Labels& name) { return has_all(alert, name); });
  });
  return all_come && all_named;
}

class Player {
 public:
  Player(std::shared_ptr<const Config> config, const RouteTest& test)
      : test_(test), pipeline_(std::move(config), {}), now_(test.start) {}

  std::vector<Told> play() {
    std::vector<const RouteTest::Event*> events;
    for (const RouteTest::Event& event : test_.events) events.push_back(&event);
    std::stable_sort(events.begin(), events.end(),
                     [](const auto* a, const auto* b) { return a->at < b->at; });
    const Timestamp end = test_.start + to_ms(test_.lasts);
    for (const RouteTest::Event* event : events) {
      const Timestamp at = test_.start + to_ms(event->at);
      if (at > end) break;
      advance(at - 1ms);
      now_ = std::max(now_, at);
      happen(*event);
    }
    advance(end);
    return std::move(told_);
  }

 private:
  void happen(const RouteTest::Event& event) {
    Effects effects;
    switch (event.kind) {
      case RouteTest::Event::Kind::kFire:
      case RouteTest::Event::Kind::kResolve: {
        const bool fires = event.kind == RouteTest::Event::Kind::kFire;
        Alert alert;
        alert.labels = event.labels;
        alert.starts_at = now_;
        alert.ends_at = fires ? test_.start + to_ms(test_.lasts) + 24h : now_;
        effects = pipeline_.step(now_, std::span(&alert, 1));
        break;
      }
      case RouteTest::Event::Kind::kSilence: {
        Silence silence;
        silence.matchers = event.matchers;
        silence.starts_at = now_;
        silence.ends_at = now_ + to_ms(event.lasts);
        (void)pipeline_.set_silence(now_, std::move(silence), effects);
        break;
      }
      case RouteTest::Event::Kind::kExpireSilences: {
        std::vector<std::string> ids;
        for (const auto& [id, silence] : pipeline_.silences().all()) ids.push_back(id);
        for (const std::string& id : ids) (void)pipeline_.expire_silence(now_, id, effects);
        break;
      }
    }
    carry_out(std::move(effects));
  }

  void advance(Timestamp to) {
    while (told_.size() < kNotificationsMax) {
      const auto wake = pipeline_.next_wake();
      if (!wake || *wake > to) break;
      now_ = std::max(now_, *wake);
      carry_out(pipeline_.step(now_));
    }
    now_ = std::max(now_, to);
  }

  void carry_out(Effects effects) {
    for (const Delivery& delivery : effects.send) {
      for (const Notification& notification : delivery.notifications) note(*delivery.to, notification);
      carry_out(pipeline_.on_delivery(now_, delivery.id, {}));
    }
  }

  // A receiver with several integrations is told once as far as a test is concerned.
  void note(const Integration& to, const Notification& notification) {
    Told told{now_ - test_.start, to.receiver, {}, {}};
    for (const NotifiedAlert& alert : notification.alerts) {
      (alert.resolved ? told.resolved : told.firing).push_back(alert.alert->labels);
    }
    const bool known = std::any_of(told_.begin(), told_.end(), [&](const Told& other) {
      return other.receiver == told.receiver && told.at - other.at <= kTolerance &&
             other.firing == told.firing && other.resolved == told.resolved;
    });
    if (!known) told_.push_back(std::move(told));
  }

  const RouteTest& test_;
  Pipeline pipeline_;
  Timestamp now_;
  std::vector<Told> told_;
};

void check_routes(const Config& config, const RouteTest& test, std::vector<RouteTestFailure>& failures) {
  const RouteTree tree(config.route);
  for (const RouteTest::Routed& routed : test.routed) {
    std::vector<std::string> got;
    for (const size_t index : tree.match(routed.labels)) got.push_back(tree.node(index).route->receiver);
    if (got == routed.receivers) continue;
    failures.push_back({routed.line, fmt::format("{} goes to {}, not to {}", routed.labels.to_string(),
                                                 fmt::join(got, ", "), fmt::join(routed.receivers, ", "))});
  }
}

}  // namespace

std::vector<RouteTestFailure> run_route_test(const std::shared_ptr<const Config>& config,
                                             const RouteTest& test) {
  std::vector<RouteTestFailure> failures;
  check_routes(*config, test, failures);
  if (!test.expects_notifications) return failures;

  std::vector<Told> told = Player(config, test).play();
  for (const RouteTest::Expected& expected : test.expected) {
    const auto found = std::find_if(told.begin(), told.end(), [&](const Told& one) {
      const Duration off = one.at > expected.at ? one.at - expected.at : expected.at - one.at;
      return !one.expected && one.receiver == expected.receiver && off <= kTolerance &&
             same_alerts(expected.firing, one.firing) && same_alerts(expected.resolved, one.resolved);
    });
    if (found != told.end()) {
      found->expected = true;
      continue;
    }
    failures.push_back(
        {expected.line, "expected but not sent: " +
                            describe(expected.at, expected.receiver, expected.firing, expected.resolved)});
  }
  for (const Told& one : told) {
    if (one.expected) continue;
    failures.push_back(
        {test.line, "sent but not expected: " + describe(one.at, one.receiver, one.firing, one.resolved)});
  }
  return failures;
}

}  // namespace sluice::alerts
