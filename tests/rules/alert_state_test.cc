#include "rules/alert_state.h"

#include <gtest/gtest.h>

#include <sstream>

namespace sluice::rules {
namespace {

Timestamp at(std::string_view offset) {
  return from_unix_ms(1'700'000'000'000) + to_ms(*parse_duration(offset));
}

Labels labels_of(const std::string& name) {
  return Labels{{"alertname", "Test"}, {"who", name}};
}

// One line per evaluation: `<time> [word...]`. A word is an element that the expression returned; `error`
// makes the evaluation fail; `nodata` and `unresolved` are the verdict on everything that vanished at that
// line. `-- restart` puts the state through a snapshot, `-- for 1h` reloads with another `for`.
//
// The answer has a line for each: the state of every alert, `*` when it was sent (`+` with the state it was
// sent in when that was a resolution), the reason in brackets when it is held, and the error.
std::string play(AlertPolicy policy, const std::string& script) {
  AlertState state(policy);
  std::ostringstream out;
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string time;
    if (!(words >> time)) continue;
    if (time == "--") {
      std::string command;
      words >> command;
      if (command == "restart") {
        AlertState fresh(policy);
        fresh.restore(state.snapshot());
        state = std::move(fresh);
      } else {
        std::string duration;
        words >> duration;
        policy.hold = *parse_duration(duration);
        AlertState fresh(policy);
        fresh.adopt(std::move(state));
        state = std::move(fresh);
      }
      continue;
    }
    std::vector<AlertElement> elements;
    Vanished verdict = Vanished::kConditionFalse;
    bool fails = false;
    for (std::string word; words >> word;) {
      if (word == "error") {
        fails = true;
      } else if (word == "nodata") {
        verdict = Vanished::kDataLost;
      } else if (word == "unresolved") {
        verdict = Vanished::kNotYetResolved;
      } else {
        elements.push_back({labels_of(word), Labels{{"who", word}}, Labels{}, 1});
      }
    }
    const AlertStep step =
        fails ? state.on_error(at(time), "boom")
              : state.observe(at(time), std::move(elements), [&](const ActiveAlert&) { return verdict; });
    out << time << ":";
    for (const ActiveAlert* alert : state.alerts()) {
      out << ' ' << alert->labels.get("who") << '=' << to_string(alert->status);
      if (alert->held != Held::kNo) out << '(' << to_string(alert->held) << ')';
      for (const Alert& sent : step.send) {
        if (sent.labels == alert->labels) out << (sent.ends_at <= at(time) ? "+" : "*");
      }
      for (const Alert& sent : step.remembered) {
        if (sent.labels == alert->labels) out << "?";
      }
    }
    if (!step.error.empty()) out << " !" << step.error;
    out << '\n';
  }
  return out.str();
}

AlertPolicy policy(std::string_view hold = "0s", std::string_view keep = "0s") {
  AlertPolicy out;
  out.hold = *parse_duration(hold);
  out.keep_firing_for = *parse_duration(keep);
  out.interval = 15s;
  return out;
}

TEST(AlertStateTest, fires_in_the_first_evaluation_without_for) {
  EXPECT_EQ(play(policy(), "0s a\n15s\n"), "0s: a=firing*\n15s: a=inactive+\n");
}

TEST(AlertStateTest, fires_in_the_evaluation_that_completes_for) {
  EXPECT_EQ(play(policy("30s"), "0s a\n15s a\n30s a\n45s a\n"),
            "0s: a=pending\n"
            "15s: a=pending\n"
            "30s: a=firing*\n"
            "45s: a=firing\n");
}

TEST(AlertStateTest, a_for_shorter_than_the_interval_fires_at_the_second_evaluation) {
  EXPECT_EQ(play(policy("5s"), "0s a\n15s a\n"), "0s: a=pending\n15s: a=firing*\n");
}

TEST(AlertStateTest, forgets_a_pending_alert_that_went_away_without_telling_anyone) {
  EXPECT_EQ(play(policy("30s"), "0s a\n15s\n30s a\n45s a\n60s a\n"),
            "0s: a=pending\n"
            "15s:\n"
            "30s: a=pending\n"
            "45s: a=pending\n"
            "60s: a=firing*\n");
}

TEST(AlertStateTest, sends_a_firing_alert_again_when_more_than_the_resend_delay_has_passed) {
  EXPECT_EQ(play(policy(), "0s a\n15s a\n30s a\n45s a\n60s a\n75s a\n90s a\n"),
            "0s: a=firing*\n"
            "15s: a=firing\n"
            "30s: a=firing\n"
            "45s: a=firing\n"
            "60s: a=firing\n"
            "75s: a=firing*\n"
            "90s: a=firing\n");
}

TEST(AlertStateTest, ends_four_resend_delays_or_intervals_ahead_whichever_is_longer) {
  for (const auto& [interval, ahead] :
       std::vector<std::pair<Duration, std::string>>{{15s, "4m"}, {2min, "8m"}}) {
    AlertPolicy p = policy();
    p.interval = interval;
    AlertState state(p);
    const AlertStep step = state.observe(at("0s"), {{labels_of("a"), {}, {}, 1}}, nullptr);
    ASSERT_EQ(step.send.size(), 1u);
    EXPECT_EQ(step.send[0].starts_at, at("0s"));
    EXPECT_EQ(step.send[0].ends_at, at(ahead));
  }
}

TEST(AlertStateTest, repeats_a_resolution_for_fifteen_minutes_then_forgets_it) {
  const std::string trace = play(policy(), "0s a\n15s\n30s\n90s\n10m\n15m15s\n15m30s\n15m45s\n");
  EXPECT_EQ(trace,
            "0s: a=firing*\n"
            "15s: a=inactive+\n"
            "30s: a=inactive\n"
            "90s: a=inactive+\n"
            "10m: a=inactive+\n"
            "15m15s: a=inactive+\n"
            "15m30s:\n"
            "15m45s:\n");
}

TEST(AlertStateTest, an_alert_that_returns_after_its_resolution_is_a_new_one) {
  AlertState state(policy("15s"));
  const auto element = [] { return std::vector<AlertElement>{{labels_of("a"), {}, {}, 1}}; };
  const auto gone = [](const ActiveAlert&) { return Vanished::kConditionFalse; };
  state.observe(at("0s"), element(), gone);
  state.observe(at("15s"), element(), gone);
  state.observe(at("30s"), {}, gone);
  state.observe(at("45s"), element(), gone);
  ASSERT_EQ(state.alerts().size(), 1u);
  EXPECT_EQ(state.alerts()[0]->status, AlertStatus::kPending);
  EXPECT_EQ(state.alerts()[0]->active_at, at("45s"));
  EXPECT_FALSE(state.alerts()[0]->resolved_at);
}

TEST(AlertStateTest, keep_firing_for_holds_a_vanished_alert_and_starts_again_when_it_returns) {
  EXPECT_EQ(play(policy("0s", "30s"), "0s a\n15s\n30s a\n45s\n60s\n75s\n"),
            "0s: a=firing*\n"
            "15s: a=firing(keep_firing_for)\n"
            "30s: a=firing\n"
            "45s: a=firing(keep_firing_for)\n"
            "60s: a=firing(keep_firing_for)\n"
            "75s: a=inactive+\n");
}

TEST(AlertStateTest, keep_firing_for_does_not_hold_a_pending_alert) {
  EXPECT_EQ(play(policy("1m", "1m"), "0s a\n15s\n"), "0s: a=pending\n15s:\n");
}

TEST(AlertStateTest, updates_value_and_annotations_while_the_alert_lives) {
  AlertState state(policy());
  state.observe(at("0s"), {{labels_of("a"), {}, Labels{{"summary", "one"}}, 1}}, nullptr);
  state.observe(at("15s"), {{labels_of("a"), {}, Labels{{"summary", "two"}}, 2}}, nullptr);
  ASSERT_EQ(state.alerts().size(), 1u);
  EXPECT_EQ(state.alerts()[0]->value, 2);
  EXPECT_EQ(state.alerts()[0]->annotations.get("summary"), "two");
  EXPECT_EQ(state.alerts()[0]->active_at, at("0s"));
}

TEST(AlertStateTest, two_elements_with_equal_labels_are_an_error_and_change_nothing) {
  EXPECT_EQ(
      play(policy(), "0s a\n15s a b b\n30s a\n"),
      "0s: a=firing*\n"
      "15s: a=firing(error) !vector contains metrics with the same labelset after applying alert labels: "
      "{alertname=\"Test\", who=\"b\"}\n"
      "30s: a=firing\n");
}

TEST(AlertStateTest, a_failing_rule_neither_resolves_nor_lapses_for_a_bounded_time) {
  AlertPolicy p = policy();
  p.error_keep = 2min;
  EXPECT_EQ(play(p, "0s a\n15s error\n75s error\n90s error\n2m15s error\n"),
            "0s: a=firing*\n"
            "15s: a=firing(error) !boom\n"
            "75s: a=firing(error)* !boom\n"
            "90s: a=firing(error) !boom\n"
            "2m15s: a=inactive+ !boom\n");
}

TEST(AlertStateTest, time_in_which_the_rule_failed_does_not_count_towards_for) {
  EXPECT_EQ(play(policy("30s"), "0s a\n15s error\n30s error\n45s a\n60s a\n"),
            "0s: a=pending\n"
            "15s: a=pending !boom\n"
            "30s: a=pending !boom\n"
            "45s: a=pending\n"
            "60s: a=firing*\n");
}

TEST(AlertStateTest, lost_data_hold_a_firing_alert_for_a_bounded_time) {
  AlertPolicy p = policy();
  p.no_data_keep = 30s;
  EXPECT_EQ(play(p, "0s a\n15s nodata\n30s nodata\n45s nodata\n"),
            "0s: a=firing*\n"
            "15s: a=firing(no_data)\n"
            "30s: a=firing(no_data)\n"
            "45s: a=inactive+\n");
}

TEST(AlertStateTest, lost_data_resolve_at_once_when_the_rule_says_ok) {
  AlertPolicy p = policy();
  p.no_data = NoData::kResolve;
  EXPECT_EQ(play(p, "0s a\n15s nodata\n"), "0s: a=firing*\n15s: a=inactive+\n");
}

TEST(AlertStateTest, lost_data_that_return_healthy_resolve_at_once) {
  EXPECT_EQ(play(policy(), "0s a\n15s nodata\n30s\n"),
            "0s: a=firing*\n15s: a=firing(no_data)\n30s: a=inactive+\n");
}

TEST(AlertStateTest, resolve_expr_holds_until_it_has_an_element) {
  EXPECT_EQ(play(policy(), "0s a\n15s unresolved\n1h unresolved\n1h15s\n"),
            "0s: a=firing*\n"
            "15s: a=firing(resolve_expr)\n"
            "1h: a=firing(resolve_expr)*\n"
            "1h15s: a=inactive+\n");
}

TEST(AlertStateTest, over_the_limit_the_oldest_stay_and_the_new_ones_are_refused) {
  AlertPolicy p = policy();
  p.limit = 2;
  EXPECT_EQ(play(p, "0s m\n15s a m z\n30s a z\n45s a z\n"),
            "0s: m=firing*\n"
            "15s: a=firing* m=firing !exceeded limit of 2 with 3 alerts\n"
            "30s: a=firing m=inactive+ z=firing*\n"
            "45s: a=firing m=inactive z=firing\n");
}

TEST(AlertStateTest, a_longer_for_after_a_reload_takes_a_young_firing_alert_back_to_pending) {
  EXPECT_EQ(play(policy("15s"), "0s a\n15s a\n-- for 1m\n30s a\n45s a\n60s a\n75s a\n"),
            "0s: a=pending\n"
            "15s: a=firing*\n"
            "30s: a=pending+\n"
            "45s: a=pending\n"
            "60s: a=firing*\n"
            "75s: a=firing\n");
}

TEST(AlertStateTest, a_shorter_for_after_a_reload_fires_at_the_next_evaluation) {
  EXPECT_EQ(play(policy("1h"), "0s a\n15s a\n-- for 15s\n30s a\n"),
            "0s: a=pending\n15s: a=pending\n30s: a=firing*\n");
}

TEST(AlertStateTest, firing_survives_a_restart_even_with_a_short_for) {
  EXPECT_EQ(play(policy("15s"), "0s a\n15s a\n-- restart\n30s a\n45s\n"),
            "0s: a=pending\n"
            "15s: a=firing*\n"
            "30s: a=firing*\n"
            "45s: a=inactive+\n");
}

TEST(AlertStateTest, a_restored_alert_is_not_resolved_before_the_data_had_time_to_come_back) {
  EXPECT_EQ(play(policy("15s"), "0s a\n15s a\n-- restart\n60s\n75s\n90s\n"),
            "0s: a=pending\n"
            "15s: a=firing*\n"
            "60s: a=firing(restart)?\n"
            "75s: a=firing(restart)\n"
            "90s: a=inactive+\n");
}

TEST(AlertStateTest, what_is_seen_again_after_a_restart_is_no_memory_any_more) {
  EXPECT_EQ(play(policy("0s"), "0s a\n-- restart\n60s\n75s a\n90s a\n"),
            "0s: a=firing*\n"
            "60s: a=firing(restart)?\n"
            "75s: a=firing*\n"
            "90s: a=firing\n");
}

TEST(AlertStateTest, keep_firing_for_survives_a_restart) {
  AlertPolicy p = policy("0s", "2m");
  EXPECT_EQ(play(p, "0s a\n15s\n-- restart\n60s\n75s\n90s\n2m15s\n"),
            "0s: a=firing*\n"
            "15s: a=firing(keep_firing_for)\n"
            "60s: a=firing(restart)?\n"
            "75s: a=firing(restart)\n"
            "90s: a=firing(keep_firing_for)\n"
            "2m15s: a=inactive+\n");
}

TEST(AlertStateTest, downtime_does_not_count_towards_for) {
  EXPECT_EQ(play(policy("45s"), "0s a\n15s a\n-- restart\n10m a\n10m15s a\n10m30s a\n10m45s a\n"),
            "0s: a=pending\n"
            "15s: a=pending\n"
            "10m: a=pending\n"
            "10m15s: a=pending\n"
            "10m30s: a=firing*\n"
            "10m45s: a=firing\n");
}

TEST(AlertStateTest, a_pending_alert_keeps_what_it_earned_while_the_data_come_back) {
  EXPECT_EQ(play(policy("45s"), "0s a\n15s a\n30s a\n-- restart\n10m\n10m15s a\n10m30s a\n"),
            "0s: a=pending\n"
            "15s: a=pending\n"
            "30s: a=pending\n"
            "10m: a=pending(restart)\n"
            "10m15s: a=firing*\n"
            "10m30s: a=firing\n");
}

TEST(AlertStateTest, restoring_a_snapshot_gives_the_same_snapshot) {
  AlertState state(policy("0s", "1m"));
  state.observe(at("0s"),
                {{labels_of("a"), {{"who", "a"}}, {{"summary", "x"}}, 3.5}, {labels_of("b"), {}, {}, 1}},
                nullptr);
  state.observe(at("15s"), {{labels_of("a"), {{"who", "a"}}, {{"summary", "x"}}, 3.5}},
                [](const ActiveAlert&) { return Vanished::kConditionFalse; });
  AlertState::Snapshot expected = state.snapshot();
  AlertState restored(policy("0s", "1m"));
  restored.restore(expected);
  for (ActiveAlert& alert : expected.alerts) {
    alert.restored = true;
    alert.last_sent_at.reset();
  }
  EXPECT_EQ(restored.snapshot(), expected);
}

TEST(AlertStateTest, a_clock_that_steps_back_does_not_unfire_an_alert) {
  EXPECT_EQ(play(policy("30s"), "10m a\n10m30s a\n5m a\n"),
            "10m: a=pending\n10m30s: a=firing*\n5m: a=firing\n");
}

TEST(AlertStateTest, a_removed_rule_resolves_what_it_fired) {
  AlertState state(policy());
  state.observe(at("0s"), {{labels_of("a"), {}, {}, 1}}, nullptr);
  const std::vector<Alert> sent = state.retire(at("15s"));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].resolved_at(at("15s")));
  EXPECT_TRUE(state.alerts().empty());
}

TEST(AlertStateTest, samples_show_active_alerts_only) {
  AlertState state(policy("15s"));
  const auto gone = [](const ActiveAlert&) { return Vanished::kConditionFalse; };
  state.observe(at("0s"), {{labels_of("a"), {}, {}, 7}}, gone);
  std::vector<AlertSample> samples = alert_samples(state);
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].labels.to_string(), R"(ALERTS{alertname="Test", alertstate="pending", who="a"})");
  EXPECT_EQ(samples[0].value, 1);
  EXPECT_EQ(samples[1].labels.to_string(), R"(ALERTS_FOR_STATE{alertname="Test", who="a"})");
  EXPECT_EQ(samples[1].value, 1'700'000'000);
  state.observe(at("15s"), {{labels_of("a"), {}, {}, 7}}, gone);
  EXPECT_EQ(alert_samples(state)[0].labels.get("alertstate"), "firing");
  state.observe(at("30s"), {}, gone);
  EXPECT_TRUE(alert_samples(state).empty());
}

}  // namespace
}  // namespace sluice::rules
