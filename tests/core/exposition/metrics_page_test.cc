#include "core/exposition/metrics_page.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/number.h"
#include "core/random.h"

namespace sluice::exposition {
namespace {

constexpr MetricFamily kSuccess{"probe_success", MetricType::kGauge,
                                "Whether the probe\nsucceeded \\ \"not\"."};
constexpr MetricFamily kProbes{"probes_total", MetricType::kCounter, "Probes made."};
constexpr MetricFamily kCommits{"pg_commits", MetricType::kCounter, "Commits."};

std::string rendered(const MetricsPage& page, Format format = Format::kText) {
  std::string out;
  page.render(out, format);
  return out;
}

TEST(MetricsPageTest, shows_each_family_once_sorted_by_name) {
  MetricsPage page;
  const SlotId a = page.add(kProbes, {{"instance", "a"}});
  const SlotId b = page.add(kSuccess, {{"instance", "a\"\\\n"}, {"job", "x"}});
  const SlotId c = page.add(kSuccess, {});
  page.set(a, 3);
  page.set(b, 1);
  page.set(c, 0.25);
  EXPECT_EQ(rendered(page),
            "# HELP probe_success Whether the probe\\nsucceeded \\\\ \"not\".\n"
            "# TYPE probe_success gauge\n"
            "probe_success{instance=\"a\\\"\\\\\\n\",job=\"x\"} 1\n"
            "probe_success 0.25\n"
            "# HELP probes_total Probes made.\n"
            "# TYPE probes_total counter\n"
            "probes_total{instance=\"a\"} 3\n");
}

TEST(MetricsPageTest, keeps_names_the_same_in_openmetrics) {
  MetricsPage page;
  page.set(page.add(kProbes, {{"instance", "a"}}), 3);
  page.set(page.add(kCommits, {}), 4);
  page.set(page.add({"u", MetricType::kUnknown, "a \"q\""}, {}), 5);
  EXPECT_EQ(rendered(page, Format::kOpenMetrics),
            "# HELP pg_commits Commits.\n"
            "# TYPE pg_commits unknown\n"
            "pg_commits 4\n"
            "# HELP probes Probes made.\n"
            "# TYPE probes counter\n"
            "probes_total{instance=\"a\"} 3\n"
            "# HELP u a \\\"q\\\"\n"
            "# TYPE u unknown\n"
            "u 5\n");
}

TEST(MetricsPageTest, shows_nothing_of_a_family_whose_lines_have_no_value) {
  MetricsPage page;
  const SlotId slot = page.add(kSuccess, {});
  EXPECT_EQ(rendered(page), "");
  page.set(slot, 1);
  EXPECT_EQ(page.lines(), 1u);
  page.unset(slot);
  page.unset(slot);
  EXPECT_EQ(rendered(page), "");
  EXPECT_EQ(page.lines(), 0u);
}

TEST(MetricsPageTest, forgets_type_and_help_with_the_last_line) {
  MetricsPage page;
  const SlotId old = page.add({"x", MetricType::kGauge, "old"}, {});
  page.remove(old);
  page.set(page.add({"x", MetricType::kCounter, ""}, {}), 1);
  EXPECT_EQ(rendered(page), "# TYPE x counter\nx 1\n");
}

TEST(MetricsPageTest, prints_a_line_longer_than_any_buffer) {
  MetricsPage page;
  const std::string text(100'000, 'y');
  page.set(page.add({"x", MetricType::kGauge, ""}, {{"a", text}}), 1);
  page.set(page.add({"x", MetricType::kGauge, ""}, {{"a", "short"}}), 2);
  EXPECT_EQ(rendered(page), "# TYPE x gauge\nx{a=\"" + text + "\"} 1\nx{a=\"short\"} 2\n");
}

TEST(MetricsPageTest, escapes_names_beyond_the_classic_character_set) {
  MetricsPage page;
  page.set(page.add({"a.b\xc3\xa9:1", MetricType::kGauge, ""}, {{"k:1", "v"}, {"9", "w"}}), 1);
  EXPECT_EQ(rendered(page), "# TYPE a_b_:1 gauge\na_b_:1{_9=\"w\",k_1=\"v\"} 1\n");
}

TEST(MetricsPageTest, prints_every_value_as_format_float_does) {
  MetricsPage page;
  const SlotId slot = page.add({"x", MetricType::kGauge, ""}, {});
  const auto shown = [&](double value) {
    page.set(slot, value);
    const std::string text = rendered(page);
    return text.substr(std::string("# TYPE x gauge\nx ").size());
  };
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {0.0,     -0.0,     1.0,      -1.0,      9.0,
                             10.0,    0.1,      1e-6,     9e-7,      -1e-9,
                             1e15,    1e15 + 2, 1e16,     1e20,      1e21,
                             1e300,   5e-324,   infinity, -infinity, std::numeric_limits<double>::quiet_NaN(),
                             1.0 / 3, -1e14 / 3}) {
    EXPECT_EQ(shown(value), format_float(value) + "\n");
  }
  Random random(3);
  for (int i = 0; i < 5000; ++i) {
    const double value = std::bit_cast<double>(random.next());
    ASSERT_EQ(shown(value), format_float(value) + "\n");
  }
}

// Many additions, changes and removals against a list that is searched.
TEST(MetricsPageTest, behaves_like_a_list_on_random_operations) {
  const uint64_t seed = 11;
  SCOPED_TRACE(seed);
  struct Row {
    SlotId slot;
    std::string family, text;
    std::optional<double> value;
  };
  Random random(seed);
  MetricsPage page;
  std::vector<Row> model;
  const std::vector<std::string> names = {"c", "a", "b"};
  for (int i = 0; i < 6000; ++i) {
    const size_t which = model.empty() ? 0 : random.below(model.size());
    switch (random.below(i % 1000 < 500 ? 5 : 8)) {
      case 0:
      case 1: {
        const std::string& name = names[random.below(3)];
        const std::string label = std::to_string(i);
        const SlotId slot = page.add({name, MetricType::kGauge, ""}, {{"i", label}});
        model.push_back({slot, name, name + "{i=\"" + label + "\"} ", std::nullopt});
        break;
      }
      case 2:
      case 3:
        if (model.empty()) break;
        model[which].value = static_cast<double>(random.below(50)) / 4;
        page.set(model[which].slot, *model[which].value);
        break;
      case 4:
        if (model.empty()) break;
        model[which].value.reset();
        page.unset(model[which].slot);
        break;
      default:
        if (model.empty()) break;
        page.remove(model[which].slot);
        model.erase(model.begin() + static_cast<long>(which));
    }
    if (i % 50 != 0) continue;
    std::string expected;
    for (const char* name : {"a", "b", "c"}) {
      std::string lines;
      for (const Row& row : model) {
        if (row.family == name && row.value) lines += row.text + format_float(*row.value) + "\n";
      }
      if (!lines.empty()) expected += std::string("# TYPE ") + name + " gauge\n" + lines;
    }
    ASSERT_EQ(rendered(page), expected) << "after step " << i;
    ASSERT_EQ(page.slots(), model.size());
  }
}

}  // namespace
}  // namespace sluice::exposition
