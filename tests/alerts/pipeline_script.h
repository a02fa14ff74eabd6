#pragma once
// Timelines for the notification pipeline, on a virtual clock:
//
//     config
//     receiver ops webhook
//     route * -> ops by alertname wait 30s interval 5m repeat 4h
//       route severity=page -> pager
//     inhibit severity=critical > severity=warning equal instance
//     mute nights 00:00-06:00
//
//     at 0s fire A severity=page
//     at 2m silence alertname=A for 1h          (or: unsilence)
//     at 3m answer ops/webhook/0 down           (ok, down, refuse, busy 30s, lost [30s])
//     at 4m kill                                (and restore from the journal)
//     at 5m reload                              (the following config lines, up to an empty line)
//     at 6m resolve A severity=page
//     until 1h
//     ----
//     30s ops/webhook/0 {alertname="A"} firing: A
//
// What follows the line of dashes is every message a receiver was sent, in order; a message that was not
// taken says so.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "alerts/matcher_text.h"
#include "alerts/pipeline.h"
#include "alerts/route.h"

namespace sluice::alerts::script {

inline std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

inline Duration duration_of(const std::string& text) {
  return parse_duration(text).value();
}

// Monday, midnight UTC: the script's zero.
inline const Timestamp kEpoch = from_unix_ms(1'767'571'200'000);

class ConfigReader {
 public:
  std::shared_ptr<const Config> read(const std::vector<std::string>& lines) {
    auto config = std::make_shared<Config>();
    std::vector<std::pair<size_t, Route*>> stack;
    // Children are added to vectors of their parents, which moves earlier siblings: so routes are read depth
    // first.
    for (size_t i = 0; i < lines.size();) {
      const std::vector<std::string> words = words_of(lines[i]);
      if (words[0] == "route") {
        config->route = read_route(lines, i, Route{});
        config->route.matchers.clear();
        continue;
      }
      read_line(words, *config);
      ++i;
    }
    return config;
  }

 private:
  static size_t indent_of(const std::string& line) { return line.find_first_not_of(' '); }

  void read_line(const std::vector<std::string>& words, Config& config) {
    if (words[0] == "receiver") {
      auto at = std::find_if(config.receivers.begin(), config.receivers.end(),
                             [&](const Receiver& r) { return r.name == words[1]; });
      if (at == config.receivers.end()) {
        config.receivers.push_back({words[1], {}});
        at = std::prev(config.receivers.end());
      }
      at->integrations.push_back(integration(words, *at));
    } else if (words[0] == "inhibit") {
      // inhibit SOURCE > TARGET equal LABEL...
      InhibitRule rule{parse_matchers(words[1]).value(), parse_matchers(words[3]).value(), {}};
      for (size_t i = 5; i < words.size(); ++i) rule.equal.push_back(words[i]);
      config.inhibit_rules.push_back(std::move(rule));
    } else if (words[0] == "times") {
      TimeInterval interval;
      const size_t dash = words[2].find('-');
      interval.times = {parse_time_range(words[2].substr(0, dash), words[2].substr(dash + 1)).value()};
      config.time_intervals.push_back({words[1], {interval}});
    } else {
      ADD_FAILURE() << "unknown line of a configuration: " << words[0];
    }
  }

  static std::shared_ptr<const Integration> integration(const std::vector<std::string>& words,
                                                        const Receiver& receiver) {
    auto out = std::make_shared<Integration>();
    out->receiver = words[1];
    const std::string& kind = words[2];
    out->index = static_cast<size_t>(std::count_if(receiver.integrations.begin(), receiver.integrations.end(),
                                                   [&](const auto& i) { return i->kind() == kind; }));
    out->send_resolved = words.size() < 4 || words[3] != "no_resolved";
    const std::string url = fmt::format("http://{}/{}/{}", words[1], kind, out->index);
    if (kind == "slack") {
      SlackConfig config;
      config.api_url.value = url;
      out->config = config;
    } else if (kind == "pagerduty") {
      PagerdutyConfig config;
      config.routing_key.value = url;
      out->config = config;
    } else {
      WebhookConfig config;
      config.url.value = url;
      out->config = config;
    }
    return out;
  }

  Route read_route(const std::vector<std::string>& lines, size_t& i, const Route& parent) {
    Route route;
    route.receiver = parent.receiver;
    route.group_by = parent.group_by;
    route.group_by_all = parent.group_by_all;
    route.group_wait = parent.group_wait;
    route.group_interval = parent.group_interval;
    route.repeat_interval = parent.repeat_interval;
    const size_t indent = indent_of(lines[i]);
    const std::vector<std::string> words = words_of(lines[i++]);
    if (words[1] != "*") route.matchers = parse_matchers(words[1]).value();
    for (size_t w = 2; w < words.size(); ++w) {
      const std::string& word = words[w];
      if (word == "continue") {
        route.continue_matching = true;
        continue;
      }
      const std::string& value = words[++w];
      if (word == "->") {
        route.receiver = value;
      } else if (word == "by") {
        route.group_by.clear();
        route.group_by_all = value == "...";
        std::istringstream names(value);
        for (std::string name; !route.group_by_all && std::getline(names, name, ',');)
          route.group_by.push_back(name);
      } else if (word == "wait") {
        route.group_wait = duration_of(value);
      } else if (word == "interval") {
        route.group_interval = duration_of(value);
      } else if (word == "repeat") {
        route.repeat_interval = duration_of(value);
      } else if (word == "mute") {
        route.mute_time_intervals.push_back(value);
      } else if (word == "active") {
        route.active_time_intervals.push_back(value);
      } else {
        ADD_FAILURE() << "unknown word in a route: " << word;
      }
    }
    while (i < lines.size() && indent_of(lines[i]) > indent)
      route.routes.push_back(read_route(lines, i, route));
    return route;
  }
};

// How a receiver answers.
struct Answers {
  enum class Mode { kOk, kDown, kLost, kRefuse, kBusy } mode = Mode::kOk;
  Duration retry_after{};

  DeliveryOutcome outcome() const {
    using Kind = DeliveryOutcome::Kind;
    using Reason = DeliveryOutcome::Reason;
    switch (mode) {
      case Mode::kOk:
        return {};
      case Mode::kDown:
        return {Kind::kRetry, Reason::kConnection, "connection refused", std::nullopt, false};
      case Mode::kLost:
        return {Kind::kRetry, Reason::kTimeout, "no answer",
                retry_after > Duration::zero() ? std::optional(retry_after) : std::nullopt, true};
      case Mode::kRefuse:
        return {Kind::kGiveUp, Reason::kClientError, "status 400", std::nullopt, false};
      case Mode::kBusy:
        return {Kind::kRetry, Reason::kRateLimited, "status 429", retry_after, false};
    }
    return {};
  }
  const char* note() const {
    constexpr const char* kNotes[] = {"", " (down)", " (answer lost)", " (refused)", " (busy)"};
    return kNotes[static_cast<int>(mode)];
  }
};

class Runner {
 public:
  // The transcript of a script's commands.
  std::string run(const std::string& commands) {
    std::vector<std::string> lines;
    std::istringstream in(commands);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    for (size_t i = 0; i < lines.size(); ++i) {
      const std::vector<std::string> words = words_of(lines[i]);
      if (words.empty() || words[0][0] == '#') continue;
      if (words[0] == "config") {
        start(read_config(lines, i));
      } else if (words[0] == "until") {
        advance(kEpoch + to_ms(duration_of(words[1])));
      } else if (words[0] == "at") {
        const Timestamp at = kEpoch + to_ms(duration_of(words[1]));
        // What is due at that very instant comes after the command.
        advance(at - 1ms);
        now_ = at;
        command({words.begin() + 2, words.end()}, lines, i);
        advance(at);
      } else {
        ADD_FAILURE() << "unknown command: " << lines[i];
      }
    }
    return transcript_;
  }

 private:
  std::shared_ptr<const Config> read_config(const std::vector<std::string>& lines, size_t& i) {
    std::vector<std::string> block;
    while (i + 1 < lines.size() && !words_of(lines[i + 1]).empty()) block.push_back(lines[++i]);
    return ConfigReader().read(block);
  }

  void start(std::shared_ptr<const Config> config) {
    config_ = std::move(config);
    pipeline_ = std::make_unique<Pipeline>(config_, PipelineOptions{});
    file_ = pipeline_->snapshot(now_);
  }

  void command(const std::vector<std::string>& words, const std::vector<std::string>& lines, size_t& i) {
    const std::string& verb = words[0];
    if (verb == "fire" || verb == "resolve") {
      std::vector<Label> labels = {{"alertname", words[1]}};
      for (size_t w = 2; w < words.size(); ++w) {
        const size_t equals = words[w].find('=');
        labels.push_back({words[w].substr(0, equals), words[w].substr(equals + 1)});
      }
      Alert alert;
      alert.labels = Labels::from(std::move(labels));
      alert.starts_at = now_;
      alert.ends_at = verb == "fire" ? now_ + std::chrono::hours(1000) : now_;
      carry_out(pipeline_->step(now_, std::span(&alert, 1)));
    } else if (verb == "silence") {
      Silence silence;
      silence.matchers = parse_matchers(words[1]).value();
      silence.starts_at = now_;
      silence.ends_at = now_ + to_ms(duration_of(words[3]));
      Effects effects;
      ASSERT_TRUE(pipeline_->set_silence(now_, silence, effects));
      carry_out(std::move(effects));
    } else if (verb == "unsilence") {
      std::vector<std::string> ids;
      for (const auto& [id, silence] : pipeline_->silences().all()) ids.push_back(id);
      Effects effects;
      for (const std::string& id : ids) ASSERT_TRUE(pipeline_->expire_silence(now_, id, effects));
      carry_out(std::move(effects));
    } else if (verb == "answer") {
      using Mode = Answers::Mode;
      const std::map<std::string, Mode> modes = {{"ok", Mode::kOk},
                                                 {"down", Mode::kDown},
                                                 {"lost", Mode::kLost},
                                                 {"refuse", Mode::kRefuse},
                                                 {"busy", Mode::kBusy}};
      answers_[words[1]] = {modes.at(words[2]), words.size() > 3 ? duration_of(words[3]) : Duration{}};
    } else if (verb == "kill") {
      pipeline_ = std::make_unique<Pipeline>(config_, PipelineOptions{});
      ASSERT_TRUE(pipeline_->restore(now_, file_));
      file_ = pipeline_->snapshot(now_);
    } else if (verb == "reload") {
      config_ = read_config(lines, i);
      carry_out(pipeline_->reload(now_, config_));
    } else {
      ADD_FAILURE() << "unknown command: " << verb;
    }
  }

  // Lets time pass, stopping whenever something is due.
  void advance(Timestamp to) {
    for (int guard = 0;; ++guard) {
      ASSERT_LT(guard, 100'000) << "the pipeline never rests";
      const auto wake = pipeline_->next_wake();
      if (!wake || *wake > to) break;
      now_ = std::max(now_, *wake);
      carry_out(pipeline_->step(now_));
    }
    now_ = std::max(now_, to);
  }

  void carry_out(Effects effects) {
    file_ += effects.journal;
    for (const Delivery& delivery : effects.send) {
      const Answers& answers = answers_[delivery.to->name()];
      write(delivery, answers);
      carry_out(pipeline_->on_delivery(now_, delivery.id, answers.outcome()));
    }
  }

  void write(const Delivery& delivery, const Answers& answers) {
    const char* more = "";
    for (const Notification& notification : delivery.notifications) {
      std::string firing, resolved;
      for (const NotifiedAlert& alert : notification.alerts) {
        std::string& list = alert.resolved ? resolved : firing;
        list += (list.empty() ? "" : ",") + std::string(alert.alert->labels.get("alertname"));
        for (const auto& label : alert.alert->labels) {
          if (label.name == "instance") list += "/" + std::string(label.value);
        }
      }
      const std::string group = notification.group_key.substr(notification.group_key.find(":{") + 1);
      const std::string when = *more != 0 ? more : format_duration(now_ - kEpoch) + " " + delivery.to->name();
      transcript_ += fmt::format("{} {}{}{}{}\n", when, group, firing.empty() ? "" : " firing: " + firing,
                                 resolved.empty() ? "" : " resolved: " + resolved, answers.note());
      more = "  +";
    }
  }

  std::shared_ptr<const Config> config_;
  std::unique_ptr<Pipeline> pipeline_;
  std::string file_;  // the state file as the disk has it
  std::map<std::string, Answers> answers_;
  Timestamp now_ = kEpoch;
  std::string transcript_;
};

// Runs what stands before the dashes and compares with what stands behind them. Both may be indented.
inline void check(const std::string& text) {
  const size_t dashes = text.find("----");
  ASSERT_NE(dashes, std::string::npos) << "a script has an expectation";
  std::istringstream in(text.substr(text.find('\n', dashes) + 1));
  std::string expected;
  for (std::string line; std::getline(in, line);) {
    if (!words_of(line).empty()) expected += line + "\n";
  }
  EXPECT_EQ(Runner().run(text.substr(0, dashes)), expected) << text;
}

}  // namespace sluice::alerts::script
