// The store against a list of everything that was ever written: random operations, random questions, one
// seed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "core/random.h"
#include "core/store/sample_store.h"

namespace sluice::store {
namespace {

Timestamp at(int64_t ms) {
  return from_unix_ms(ms);
}

bool same(const Sample& a, const Sample& b) {
  return a.at == b.at && std::bit_cast<uint64_t>(a.value) == std::bit_cast<uint64_t>(b.value);
}

class Model {
 public:
  explicit Model(uint64_t seed)
      : random_(seed), store_({.retention = kRetention, .series_max = kSeriesMax}) {}

  void step() {
    switch (random_.below(20)) {
      case 0:
        now_ += 60'000 + static_cast<int64_t>(random_.below(3'000'000));
        break;
      case 1:
        expire();
        break;
      case 2:
        end_series();
        break;
      default:
        append();
        break;
    }
    now_ += static_cast<int64_t>(random_.below(200));
  }

  void check() {
    check_selection();
    check_labels();
    for (int i = 0; i < 10 && !series_.empty(); ++i) check_samples();
    ASSERT_EQ(store_.stats().series, series_.size());
  }

  void clear() {
    store_.clear();
    series_.clear();
    oldest_ = INT64_MIN + 1;
  }

 private:
  static constexpr Duration kRetention = 2h;
  static constexpr size_t kSeriesMax = 60;

  Labels random_labels() {
    std::vector<Label> labels;
    for (const char* name : {"__name__", "a", "b", "c"}) {
      if (random_.below(3) > 0) labels.push_back({name, random_value()});
    }
    return Labels::from(std::move(labels));
  }
  std::string random_value() {
    static const std::vector<std::string> kValues = {"x", "y", "xy", "z.1", "x\ny", "long value with spaces",
                                                     "zz"};
    return kValues[random_.below(kValues.size())];
  }
  double random_number() {
    switch (random_.below(5)) {
      case 0:
        return random_.unit();
      case 1:
        return static_cast<double>(random_.below(1'000'000)) / 1e6;
      case 2:
        return stale_marker();
      default:
        return static_cast<double>(random_.below(5));
    }
  }

  void append() {
    Labels labels = random_labels();
    if (!series_.empty() && random_.below(10) < 8) {
      auto it = series_.begin();
      std::advance(it, static_cast<long>(random_.below(series_.size())));
      labels = it->first;
    }
    Sample sample{at(now_ - (random_.below(20) == 0 ? 500 : 0)), random_number()};
    const auto known = series_.find(labels);
    Append expected = Append::kAppended;
    if (known == series_.end()) {
      if (series_.size() >= kSeriesMax) expected = Append::kSeriesLimit;
    } else if (!known->second.empty() && sample.at <= known->second.back().at) {
      expected = same(sample, known->second.back()) ? Append::kDuplicate : Append::kOutOfOrder;
    }
    ASSERT_EQ(store_.append(labels, sample), expected) << labels.to_string();
    if (expected == Append::kAppended) series_[labels].push_back(sample);
  }

  void expire() {
    store_.expire(at(now_));
    oldest_ = std::max(oldest_, now_ - to_ms(kRetention).count());
    std::erase_if(series_, [&](auto& entry) {
      // The store may keep a chunk whose newest sample is still visible, and shows none of the older ones.
      return entry.second.empty() || to_unix_ms(entry.second.back().at) < oldest_;
    });
  }

  void end_series() {
    const std::vector<Matcher> matchers = random_matchers();
    store_.end_series(matchers, at(now_));
    for (auto& [labels, samples] : series_) {
      if (!accepts(matchers, labels) || samples.empty() || is_stale(samples.back().value)) continue;
      samples.push_back({std::max(at(now_), samples.back().at + 1ms), stale_marker()});
    }
  }

  std::vector<Matcher> random_matchers() {
    static const std::vector<std::string> kPatterns = {"x|y", "x|zz|none",   ".*",      ".+",      "",
                                                       "x.*", "(?:x|z\\.1)", "[xz].*",  "x|",      "|.+",
                                                       "y?",  ".*y.*",       "z\\.1|y", "none|nor"};
    std::vector<Matcher> matchers;
    for (size_t i = random_.below(4); i > 0; --i) {
      const char* names[] = {"__name__", "a", "b", "c", "unknown"};
      const std::string name = names[random_.below(5)];
      const auto op = static_cast<MatchOp>(random_.below(4));
      const bool regex = op == MatchOp::kRegex || op == MatchOp::kNotRegex;
      const std::string value = regex                   ? kPatterns[random_.below(kPatterns.size())]
                                : random_.below(4) == 0 ? ""
                                                        : random_value();
      matchers.push_back(*Matcher::make(op, name, value));
    }
    return matchers;
  }

  static bool accepts(const std::vector<Matcher>& matchers, const Labels& labels) {
    return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& m) { return m.matches(labels); });
  }

  void check_selection() {
    const std::vector<Matcher> matchers = random_matchers();
    std::string asked;
    for (const Matcher& matcher : matchers) asked += matcher.to_string() + " ";
    std::multiset<Labels> expected, found;
    std::set<std::string> names, values;
    for (const auto& [labels, samples] : series_) {
      if (!accepts(matchers, labels)) continue;
      expected.insert(labels);
      for (const auto& label : labels) names.emplace(label.name);
      if (labels.has("a")) values.emplace(labels.get("a"));
    }
    for (const SeriesId id : store_.select(matchers)) found.insert(store_.labels(id));
    ASSERT_EQ(found, expected) << asked;
    ASSERT_THAT(store_.label_names(matchers), testing::ElementsAreArray(names)) << asked;
    ASSERT_THAT(store_.label_values("a", matchers), testing::ElementsAreArray(values)) << asked;
  }

  void check_labels() {
    for (const auto& [labels, samples] : series_) {
      const std::optional<SeriesId> id = store_.find(labels);
      ASSERT_TRUE(id.has_value()) << labels.to_string();
      ASSERT_EQ(store_.labels(*id), labels);
    }
    const Labels other = random_labels();
    ASSERT_EQ(store_.find(other).has_value(), series_.contains(other));
  }

  void check_samples() {
    auto it = series_.begin();
    std::advance(it, static_cast<long>(random_.below(series_.size())));
    const auto& [labels, samples] = *it;
    const SeriesId id = *store_.find(labels);
    const int64_t after = now_ - static_cast<int64_t>(random_.below(10'000'000));
    const int64_t to = after - 100 + static_cast<int64_t>(random_.below(10'000'000));
    std::vector<Sample> expected;
    for (const Sample& sample : samples) {
      const int64_t ms = to_unix_ms(sample.at);
      if (ms > after && ms <= to && ms >= oldest_) expected.push_back(sample);
    }
    std::vector<Sample> found;
    store_.read(id, at(after), at(to), found);
    ASSERT_TRUE(std::equal(found.begin(), found.end(), expected.begin(), expected.end(), same))
        << labels.to_string();
    const std::optional<Sample> latest = store_.latest(id, at(after), at(to));
    ASSERT_EQ(latest.has_value(), !expected.empty());
    if (latest) ASSERT_TRUE(same(*latest, expected.back()));
    const std::optional<Sample> newest = store_.newest(id);
    const bool visible = !samples.empty() && to_unix_ms(samples.back().at) >= oldest_;
    ASSERT_EQ(newest.has_value(), visible);
    if (newest) ASSERT_TRUE(same(*newest, samples.back()));
  }

  Random random_;
  SampleStore store_;
  std::map<Labels, std::vector<Sample>> series_;
  int64_t now_ = 1'700'000'000'000;
  int64_t oldest_ = INT64_MIN + 1;
};

TEST(StoreModelTest, answers_as_a_list_of_everything_would) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
    for (int i = 0; i < 3000; ++i) {
      model.step();
      if (i % 10 == 0) model.check();
      if (i == 2000 && seed % 2 == 0) model.clear();
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace sluice::store
