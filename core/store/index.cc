#include "core/store/index.h"

#include <algorithm>
#include <iterator>

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

std::vector<SeriesId> Index::with_value(const Matcher& matcher, bool accepted) const {
  Ids ids;
  const auto append = [&](const Postings& postings) {
    const std::vector<SeriesId>& sorted = postings.sorted();
    ids.insert(ids.end(), sorted.begin(), sorted.end());
  };
  const std::vector<std::string>& listed = matcher.listed_values();
  const bool lists_these = !listed.empty() && (matcher.op() == MatchOp::kRegex) == accepted;
  const bool is_one = matcher.op() == (accepted ? MatchOp::kEqual : MatchOp::kNotEqual);
  if (is_one || lists_these) {
    const std::span<const std::string> wanted = is_one ? std::span(&matcher.value(), 1) : std::span(listed);
    for (const std::string& value : wanted) {
      if (const Postings* postings = find(matcher.name(), value)) append(*postings);
    }
  } else if (const auto values = names_.find(matcher.name()); values != names_.end()) {
    for (const auto& [value, postings] : values->second) {
      if (matcher.matches(value) == accepted) append(postings);
    }
  }
  // A series has one value of a label: the lists do not overlap, but they interleave.
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<SeriesId> Index::select(std::span<const Matcher> matchers, const LabelsOf& labels_of) const {
  std::vector<const Postings*> exact;
  std::vector<const Matcher*> demanding, tolerant;  // those that a missing label fails, and those it passes
  for (const Matcher& matcher : matchers) {
    if (matcher.op() == MatchOp::kEqual && !matcher.value().empty()) {
      const Postings* postings = find(matcher.name(), matcher.value());
      if (postings == nullptr) return {};
      exact.push_back(postings);
    } else {
      (matcher.matches_empty() ? tolerant : demanding).push_back(&matcher);
    }
  }
  std::sort(exact.begin(), exact.end(),
            [](const Postings* a, const Postings* b) { return a->size() < b->size(); });

  Ids ids;
  size_t next_demanding = 0;
  if (!exact.empty()) {
    ids = exact[0]->sorted();
    for (size_t i = 1; i < exact.size() && !ids.empty(); ++i) intersect(ids, exact[i]->sorted());
  } else if (!demanding.empty()) {
    ids = with_value(*demanding[next_demanding++], true);
  } else {
    ids = all_.sorted();
  }

  // What is left is either asked series by series, or cut with a list from the index, whichever touches
  // fewer.
  const auto few = [&](const Matcher& matcher) {
    const auto values = names_.find(matcher.name());
    return values == names_.end() || ids.size() / 8 < values->second.size() || ids.size() < 64;
  };
  for (; next_demanding < demanding.size() && !ids.empty(); ++next_demanding) {
    const Matcher& matcher = *demanding[next_demanding];
    if (few(matcher)) {
      filter(ids, matcher, labels_of);
    } else {
      intersect(ids, with_value(matcher, true));
    }
  }
  for (const Matcher* matcher : tolerant) {
    if (ids.empty()) break;
    if (few(*matcher)) {
      filter(ids, *matcher, labels_of);
    } else {
      subtract(ids, with_value(*matcher, false));
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
