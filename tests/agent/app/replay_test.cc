#include "agent/app/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Timestamp kStart = from_unix_ms(1'767'225'600'000);

std::shared_ptr<const config::Config> configuration(const std::string& upstream) {
  const std::string text = R"(
global: {interval: 15s, evaluation_interval: 15s}
agent: {name: n1}
rule_packs: [upstreams]
probes:
  - job_name: auth
    module: http_2xx
    static_configs: [{targets: ["https://a", "https://b", "https://c", "https://d"]}]
    upstream: )" + upstream +
                           "\n";
  config::Loaded loaded = config::parse_config(text, "sluice.yml", "/", {});
  EXPECT_TRUE(loaded.mistakes.empty()) << loaded.mistakes.front().to_string();
  return loaded.config;
}

// Four members, a probe each every 15 s for `time`; those named are down from `from` to `to`.
Journal journal(Duration time, const std::vector<std::string>& down, Duration from, Duration to,
                const std::string& agent = "n1") {
  Journal out{.agent = agent, .probes = {}, .damaged = 0};
  for (Duration at{}; at < time; at += 15s) {
    for (const std::string target : {"https://a", "https://b", "https://c", "https://d"}) {
      const bool fails = at >= from && at < to && std::count(down.begin(), down.end(), target) > 0;
      out.probes.push_back({kStart + to_ms(at), "auth", target, fails ? "connect_refused" : "", 5ms});
    }
  }
  return out;
}

ReplayReport play(const config::Config& config, std::vector<Journal> journals) {
  ReplayInput input;
  input.journals = std::move(journals);
  return replay(config, std::move(input), kStart, kStart + 30min);
}

TEST(ReplayTest, says_what_would_have_been_disabled_and_for_how_long) {
  const auto config = configuration("{mode: enforce}");
  const ReplayReport report = play(*config, {journal(30min, {"https://b"}, 5min, 15min)});
  EXPECT_EQ(report.probes, 480u);
  ASSERT_EQ(report.disabled.size(), 1u);
  const ReplayDisabling& disabled = report.disabled[0];
  EXPECT_EQ(disabled.target, "https://b");
  EXPECT_EQ(disabled.from, kStart + 5min + 30s);  // the third failure
  ASSERT_TRUE(disabled.to.has_value());
  EXPECT_EQ(*disabled.to, kStart + 15min + 15s);  // the second success
  EXPECT_THAT(disabled.evidence, HasSubstr("connect_refused"));
  ASSERT_FALSE(report.alerts.empty());
  EXPECT_EQ(report.alerts[0].name, "UpstreamDown");
}

TEST(ReplayTest, the_configuration_decides) {
  const Journal outage = journal(30min, {"https://b"}, 5min, 15min);
  EXPECT_EQ(play(*configuration("{max_disabled_percent: 0}"), {outage}).disabled.size(), 0u);
  const ReplayReport held = play(*configuration("{max_disabled_percent: 0}"), {outage});
  EXPECT_GT((held.held.at({"auth", "budget"})), 0u);
  EXPECT_EQ(play(*configuration("{mode: shadow}"), {outage}).disabled.at(0).mode, gate::Mode::kShadow);
}

TEST(ReplayTest, one_agent_of_three_disables_nothing) {
  const auto config = configuration("{}");
  const Journal sees = journal(30min, {"https://b"}, 5min, 15min, "n1");
  const Journal fine2 = journal(30min, {}, 0s, 0s, "n2"), fine3 = journal(30min, {}, 0s, 0s, "n3");
  EXPECT_THAT(play(*config, {sees, fine2, fine3}).disabled, IsEmpty());
  const Journal sees2 = journal(30min, {"https://b"}, 5min, 15min, "n2");
  EXPECT_EQ(play(*config, {sees, sees2, fine3}).disabled.size(), 1u);
}

TEST(ReplayTest, what_fails_together_is_held) {
  const auto config = configuration("{}");
  const ReplayReport report =
      play(*config, {journal(30min, {"https://a", "https://b", "https://c"}, 5min, 15min)});
  EXPECT_THAT(report.disabled, IsEmpty());
  EXPECT_GT((report.held.at({"auth", "pool_freeze"})), 0u);
}

TEST(ReplayTest, probes_of_other_targets_are_counted_and_left_out) {
  const auto config = configuration("{}");
  Journal other{.agent = "n1", .probes = {{kStart + 1min, "gone", "https://x", "timeout", 1s}}, .damaged = 0};
  const ReplayReport report = play(*config, {other});
  EXPECT_EQ(report.unknown_probes, 1u);
}

TEST(ReplayTest, samples_of_probe_success_are_probes) {
  ReplayInput input;
  for (int i = 0; i < 120; ++i) {
    const bool fails = i >= 20 && i < 60;
    for (const std::string target : {"https://a", "https://b", "https://c", "https://d"}) {
      const Labels labels{{"__name__", "probe_success"}, {"job", "auth"}, {"instance", target}};
      (void)input.samples.append(labels, {kStart + i * 15s, fails && target == "https://a" ? 0.0 : 1.0});
    }
  }
  input.journals.push_back(journal_of_samples(input.samples));
  input.samples_have_probes = true;
  const ReplayReport report = replay(*configuration("{}"), std::move(input), kStart, kStart + 30min);
  ASSERT_EQ(report.disabled.size(), 1u);
  EXPECT_EQ(report.disabled[0].target, "https://a");
}

}  // namespace
}  // namespace sluice::app
