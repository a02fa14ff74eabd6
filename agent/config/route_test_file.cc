#include "agent/config/route_test_file.h"

#include <fmt/format.h>

#include <filesystem>

#include "agent/config/alertmanager_file.h"
#include "agent/config/modules.h"
#include "agent/config/yaml.h"
#include "alerts/matcher_text.h"
#include "core/file/file.h"

namespace sluice::config {
namespace {

using alerts::RouteTest;

// Monday, 2026-01-05T00:00:00Z.
constexpr Timestamp kDefaultStart = from_unix_ms(1'767'571'200'000);
constexpr Duration kLastsMax = 366 * 24h;

Labels read_labels(const Node& node, const std::string& name, Diagnostics& diagnostics) {
  std::vector<Label> labels;
  if (node.kind != Node::Kind::kMap) {
    diagnostics.add(node.mark, name + " must be a map of labels");
    return {};
  }
  for (const Entry& entry : node.entries) {
    const auto value = read_string(entry.value, diagnostics, name + "." + entry.key);
    if (value) labels.push_back({entry.key, *value});
  }
  return Labels::from(std::move(labels));
}

std::vector<Labels> read_label_list(Fields& fields, std::string_view key, Diagnostics& diagnostics) {
  std::vector<Labels> out;
  fields.each(key, [&](const Node& node, const std::string& name) {
    out.push_back(read_labels(node, name, diagnostics));
  });
  return out;
}

void read_event(const Node& node, const std::string& name, Diagnostics& diagnostics, RouteTest& test) {
  Fields fields(node, diagnostics, name);
  RouteTest::Event event;
  fields.duration("at", event.at);
  int verbs = 0;
  const auto verb = [&](std::string_view key, RouteTest::Event::Kind kind) -> const Node* {
    const Node* value = fields.child(key);
    if (value == nullptr) return nullptr;
    ++verbs;
    event.kind = kind;
    return value;
  };
  using Kind = RouteTest::Event::Kind;
  if (const Node* value = verb("fire", Kind::kFire))
    event.labels = read_labels(*value, fields.name("fire"), diagnostics);
  if (const Node* value = verb("resolve", Kind::kResolve)) {
    event.labels = read_labels(*value, fields.name("resolve"), diagnostics);
  }
  verb("expire_silences", Kind::kExpireSilences);
  if (verb("silence", Kind::kSilence) != nullptr) {
    std::vector<std::string> texts;
    fields.strings("silence", texts);
    for (const std::string& text : texts) {
      auto matchers = alerts::parse_matchers(text);
      if (!matchers) {
        fields.mistake("silence", matchers.error().message);
        continue;
      }
      for (Matcher& matcher : *matchers) event.matchers.push_back(std::move(matcher));
    }
    event.lasts = 1h;
    fields.duration("for", event.lasts);
  }
  if (verbs != 1) fields.mistake("at", "an event is one of fire, resolve, silence or expire_silences");
  fields.done();
  test.events.push_back(std::move(event));
}

RouteTest read_test(const Node& node, const std::string& name, Diagnostics& diagnostics) {
  Fields fields(node, diagnostics, name);
  RouteTest test;
  test.line = node.mark.line;
  test.start = kDefaultStart;
  fields.string("name", test.name);
  std::string start;
  if (fields.string("start", start)) {
    const auto at = parse_rfc3339(start);
    if (at) {
      test.start = *at;
    } else {
      fields.mistake("start", at.error().message);
    }
  }
  fields.duration("lasts", test.lasts, Duration(1ms), kLastsMax);
  fields.each("events", [&](const Node& item, const std::string& item_name) {
    read_event(item, item_name, diagnostics, test);
  });
  test.expects_notifications = fields.has("notifications") || !test.events.empty();
  fields.each("notifications", [&](const Node& item, const std::string& item_name) {
    Fields inner(item, diagnostics, item_name);
    RouteTest::Expected& expected = test.expected.emplace_back();
    expected.line = item.mark.line;
    inner.require("receiver");
    inner.duration("at", expected.at);
    inner.string("receiver", expected.receiver);
    expected.firing = read_label_list(inner, "firing", diagnostics);
    expected.resolved = read_label_list(inner, "resolved", diagnostics);
    inner.done();
  });
  fields.each("routes", [&](const Node& item, const std::string& item_name) {
    Fields inner(item, diagnostics, item_name);
    RouteTest::Routed& routed = test.routed.emplace_back();
    routed.line = item.mark.line;
    inner.require("receivers");
    if (const Node* labels = inner.child("labels")) {
      routed.labels = read_labels(*labels, inner.name("labels"), diagnostics);
    }
    inner.strings("receivers", routed.receivers);
    inner.done();
  });
  fields.done();
  return test;
}

}  // namespace

LoadedRouteTests load_route_test_file(const std::string& path, std::string_view text) {
  Diagnostics diagnostics(path);
  LoadedRouteTests loaded;
  if (const auto root = parse_yaml(text, diagnostics)) {
    Fields fields(*root, diagnostics, "");
    fields.require("alertmanager_file");
    fields.require("tests");
    fields.string("alertmanager_file", loaded.alertmanager_file);
    loaded.alertmanager_file =
        resolve_path(std::filesystem::path(path).parent_path().string(), loaded.alertmanager_file);
    fields.each("tests", [&](const Node& node, const std::string& name) {
      loaded.tests.push_back(read_test(node, name, diagnostics));
    });
    fields.done();
  }
  loaded.mistakes = diagnostics.take();
  return loaded;
}

RouteTestsResult run_route_test_file(const std::string& path) {
  RouteTestsResult result;
  const auto unreadable = [&](const Mistakes& mistakes) {
    for (const Mistake& mistake : mistakes) result.messages.push_back(mistake.to_string());
    result.unreadable = true;
    ++result.failed;
    return result;
  };
  const Result<std::string> text = file::read(path);
  if (!text) return unreadable({{path, 0, 0, text.error().message}});
  const LoadedRouteTests loaded = load_route_test_file(path, *text);
  if (!loaded.mistakes.empty()) return unreadable(loaded.mistakes);
  Mistakes mistakes;
  const auto config = load_alertmanager_file(loaded.alertmanager_file, mistakes);
  if (config == nullptr) return unreadable(mistakes);
  for (const RouteTest& test : loaded.tests) {
    const auto failures = alerts::run_route_test(config, test);
    ++(failures.empty() ? result.passed : result.failed);
    for (const alerts::RouteTestFailure& failure : failures) {
      result.messages.push_back(fmt::format("{}:{}: {}{}{}", path, failure.line, test.name,
                                            test.name.empty() ? "" : ": ", failure.message));
    }
  }
  return result;
}

}  // namespace sluice::config
