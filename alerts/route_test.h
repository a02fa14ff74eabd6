#pragma once
// Unit tests for an alertmanager.yml: what would be told to whom, and when, played in virtual time.
//
// A test is a timeline of alerts and silences, and the notifications it must lead to. It runs the real
// pipeline with receivers that always answer, so routing, grouping, inhibition, silences, mute times and
// repetition are those of the daemon:
//
//     at 0s fire {alertname: Down, severity: page};  at 10m resolve it
//     expect at 30s pager firing {alertname: Down};  at 10m30s pager resolved {alertname: Down}
//
// Every notification until the end of the test must be expected, and every expected one must come, within a
// second.

#include <memory>
#include <string>
#include <vector>

#include "alerts/config.h"
#include "core/labels.h"
#include "core/time.h"

namespace sluice::alerts {

struct RouteTest {
  struct Event {
    enum class Kind { kFire, kResolve, kSilence, kExpireSilences } kind = Kind::kFire;
    Duration at{};
    Labels labels;                  // of the alert
    std::vector<Matcher> matchers;  // of the silence
    Duration lasts{};               // the silence
  };
  // One notification. Alerts are named by any of their labels: {alertname: Down} names every alert that has
  // it.
  struct Expected {
    Duration at{};
    std::string receiver;
    std::vector<Labels> firing, resolved;
    int line = 0;  // in the file, for messages
  };
  // Which receivers an alert is for, without any time.
  struct Routed {
    Labels labels;
    std::vector<std::string> receivers;
    int line = 0;
  };

  std::string name;
  Timestamp start{};
  Duration lasts = 1h;
  std::vector<Event> events;
  std::vector<Expected> expected;
  bool expects_notifications = false;  // `notifications:` was given: then the list is complete
  std::vector<Routed> routed;
  int line = 0;
};

struct RouteTestFailure {
  int line = 0;
  std::string message;
};

// Empty when the test holds. Events beyond `lasts` do not happen.
std::vector<RouteTestFailure> run_route_test(const std::shared_ptr<const Config>& config,
                                             const RouteTest& test);

}  // namespace sluice::alerts
