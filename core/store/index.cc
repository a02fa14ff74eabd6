#include "core/store/index.h"

#include <algorithm>
#include <bit>

namespace sluice::store {
namespace {

using Ids = std::vector<SeriesId>;

// Keeps what is in `other` too. When `other` is much longer, each id is searched in it instead of walking
// both.
void intersect(Ids& ids, const Ids& other) {
  size_t kept = 0;
  auto from = other.begin();
  const bool search = other.size() / 16 > ids.size();
  for (const SeriesId id : ids) {
    if (search) {
      from = std::lower_bound(from, other.end(), id);
    } else {
      while (from != other.end() && *from < id) ++from;
    }
    if (from == other.end()) break;
    if (*from == id) ids[kept++] = id;
  }
  ids.resize(kept);
}

void subtract(Ids& ids, const Ids& other) {
  size_t kept = 0;
  auto from = other.begin();
  for (const SeriesId id : ids) {
    while (from != other.end() && *from < id) ++from;
    if (from == other.end() || *from != id) ids[kept++] = id;
  }
  ids.resize(kept);
}

// Asks each series itself. Neighbours often have the same value, which is asked about once.
void filter(Ids& ids, const Matcher& matcher, const Index::LabelsOf& labels_of) {
  size_t kept = 0;
  bool asked = false, accepted = false;
  std::string last;
  for (const SeriesId id : ids) {
    const std::string_view value = labels_of(id).get(matcher.name());
    if (!asked || value != last) {
      asked = true;
      last = value;
      accepted = matcher.matches(value);
    }
    if (accepted) ids[kept++] = id;
  }
  ids.resize(kept);
}

// The values that a matcher names as those it accepts (or refuses); empty when it does not name any.
std::span<const std::string> named_values(const Matcher& matcher, bool accepted) {
  if (matcher.op() == (accepted ? MatchOp::kEqual : MatchOp::kNotEqual)) return {&matcher.value(), 1};
  if (matcher.op() == (accepted ? MatchOp::kRegex : MatchOp::kNotRegex)) return matcher.listed_values();
  return {};
}

}  // namespace

void Postings::add(SeriesId id) {
  if (!ids_.empty() && id < ids_.back()) sorted_ = false;
  ids_.push_back(id);
}

void Postings::drop(const std::vector<bool>& gone) {
  std::erase_if(ids_, [&](SeriesId id) { return gone[id]; });
}

const std::vector<SeriesId>& Postings::sorted() const {
  if (!sorted_) {
    std::sort(ids_.begin(), ids_.end());
    sorted_ = true;
  }
  return ids_;
}

void Index::add(SeriesId id, const Labels& labels) {
  for (const auto& label : labels) {
    auto values = names_.find(label.name);
    if (values == names_.end()) values = names_.emplace(label.name, Values()).first;
    auto postings = values->second.find(label.value);
    if (postings == values->second.end()) postings = values->second.emplace(label.value, Postings()).first;
    postings->second.add(id);
  }
  all_.add(id);
}

void Index::remove(std::span<const SeriesId> ids, size_t id_limit, const LabelsOf& labels_of) {
  if (ids.empty()) return;
  std::vector<bool> gone(id_limit);
  for (const SeriesId id : ids) gone[id] = true;
  all_.drop(gone);
  // Each list is walked once, however many of its series go.
  for (const SeriesId id : ids) {
    for (const auto& label : labels_of(id)) {
      const auto values = names_.find(label.name);
      if (values == names_.end()) continue;
      const auto postings = values->second.find(label.value);
      if (postings == values->second.end()) continue;
      const std::vector<SeriesId>& listed = postings->second.sorted();
      if (!std::binary_search(listed.begin(), listed.end(), id)) continue;
      postings->second.drop(gone);
      if (postings->second.size() == 0) values->second.erase(postings);
      if (values->second.empty()) names_.erase(values);
    }
  }
}

void Index::clear() {
  names_.clear();
  all_ = Postings();
}

const Postings* Index::find(std::string_view name, std::string_view value) const {
  const auto values = names_.find(name);
  if (values == names_.end()) return nullptr;
  const auto postings = values->second.find(value);
  return postings == values->second.end() ? nullptr : &postings->second;
}

Index::Lists Index::lists_of(const Matcher& matcher, bool accepted) const {
  Lists lists;
  const auto add = [&](const Postings& postings) {
    lists.postings.push_back(&postings);
    lists.ids += postings.size();
  };
  if (const std::span<const std::string> named = named_values(matcher, accepted); !named.empty()) {
    for (const std::string& value : named) {
      if (const Postings* postings = find(matcher.name(), value)) add(*postings);
    }
  } else if (const auto values = names_.find(matcher.name()); values != names_.end()) {
    for (const auto& [value, postings] : values->second) {
      if (matcher.matches(value) == accepted) add(postings);
    }
  }
  return lists;
}

// The lists do not overlap, since a series has one value of a label, but they interleave.
std::vector<SeriesId> Index::united(const Lists& lists) const {
  Ids ids;
  if (lists.postings.size() == 1) return lists.postings[0]->sorted();
  ids.reserve(lists.ids);
  if (lists.ids < 256) {
    for (const Postings* postings : lists.postings) {
      ids.insert(ids.end(), postings->sorted().begin(), postings->sorted().end());
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  // Many ids: a bit for each series is quicker than sorting.
  std::vector<uint64_t> marks(all_.sorted().back() / 64 + 1);
  for (const Postings* postings : lists.postings) {
    for (const SeriesId id : postings->sorted()) marks[id / 64] |= uint64_t{1} << (id % 64);
  }
  for (size_t word = 0; word < marks.size(); ++word) {
    for (uint64_t rest = marks[word]; rest != 0; rest &= rest - 1) {
      ids.push_back(static_cast<SeriesId>(word * 64 + static_cast<size_t>(std::countr_zero(rest))));
    }
  }
  return ids;
}

std::vector<SeriesId> Index::select(std::span<const Matcher> matchers, const LabelsOf& labels_of) const {
  // Three kinds: those the index answers by looking values up; those that need a look at all values of their
  // label; and those that a missing label passes, which can only take away.
  std::vector<Lists> named;
  std::vector<const Matcher*> searching, tolerant;
  for (const Matcher& matcher : matchers) {
    if (matcher.matches_empty()) {
      tolerant.push_back(&matcher);
    } else if (named_values(matcher, true).empty()) {
      searching.push_back(&matcher);
    } else {
      named.push_back(lists_of(matcher, true));
      if (named.back().ids == 0) return {};
    }
  }
  std::sort(named.begin(), named.end(), [](const Lists& a, const Lists& b) { return a.ids < b.ids; });

  Ids ids;
  size_t next_searching = 0;
  if (!named.empty()) {
    ids = united(named[0]);
  } else if (!searching.empty()) {
    ids = united(lists_of(*searching[next_searching++], true));
  } else {
    ids = all_.sorted();
  }
  for (size_t i = 1; i < named.size() && !ids.empty(); ++i) {
    if (named[i].postings.size() == 1) {
      intersect(ids, named[i].postings[0]->sorted());
    } else {
      intersect(ids, united(named[i]));
    }
  }

  // The others are asked of each series left, or looked up over all values of the label, whichever is less to
  // ask.
  const auto few = [&](const Matcher& matcher) {
    const auto values = names_.find(matcher.name());
    const size_t look_up =
        named_values(matcher, false).empty() && values != names_.end() ? values->second.size() : 0;
    return ids.size() < 64 + look_up;
  };
  for (; next_searching < searching.size() && !ids.empty(); ++next_searching) {
    const Matcher& matcher = *searching[next_searching];
    if (few(matcher)) {
      filter(ids, matcher, labels_of);
    } else {
      intersect(ids, united(lists_of(matcher, true)));
    }
  }
  for (const Matcher* matcher : tolerant) {
    if (ids.empty()) break;
    if (few(*matcher)) {
      filter(ids, *matcher, labels_of);
    } else if (const Lists refused = lists_of(*matcher, false); refused.ids > 0) {
      subtract(ids, united(refused));
    }
  }
  return ids;
}

std::vector<std::string> Index::names() const {
  std::vector<std::string> names;
  for (const auto& [name, values] : names_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Index::values(std::string_view name) const {
  std::vector<std::string> values;
  const auto found = names_.find(name);
  if (found == names_.end()) return values;
  for (const auto& [value, postings] : found->second) values.push_back(value);
  std::sort(values.begin(), values.end());
  return values;
}

size_t Index::bytes() const {
  constexpr size_t kNode = 16;  // the link and the hash beside each entry
  const auto text = [](const std::string& s) { return s.capacity() > 15 ? s.capacity() + 1 : 0; };
  size_t bytes = all_.bytes();
  for (const auto& [name, values] : names_) {
    bytes += kNode + sizeof(name) + sizeof(values) + text(name) + values.bucket_count() * sizeof(void*);
    for (const auto& [value, postings] : values) {
      bytes += kNode + sizeof(value) + sizeof(postings) + text(value) + postings.bytes();
    }
  }
  return bytes;
}

}  // namespace sluice::store
