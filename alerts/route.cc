#include "alerts/route.h"

#include <algorithm>
#include <tuple>

namespace sluice::alerts {

RouteTree::RouteTree(const Route& root) {
  add(root, "");
}

size_t RouteTree::add(const Route& route, const std::string& parent_key) {
  const size_t index = nodes_.size();
  std::string key = parent_key.empty() ? "" : parent_key + "/";
  key += format_matchers(route.matchers);
  nodes_.push_back({&route, key, {}});
  for (const Route& child : route.routes) {
    const size_t child_index = add(child, key);
    nodes_[index].children.push_back(child_index);
  }
  return index;
}

bool RouteTree::walk(size_t index, const Labels& labels, std::vector<size_t>& found) const {
  const Node& node = nodes_[index];
  const std::vector<Matcher>& matchers = node.route->matchers;
  if (!std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& m) { return m.matches(labels); })) {
    return false;
  }
  bool taken = false;
  for (const size_t child : node.children) {
    const bool by_child = walk(child, labels, found);
    taken = taken || by_child;
    if (by_child && !nodes_[child].route->continue_matching) break;
  }
  if (!taken) found.push_back(index);
  return true;
}

std::vector<size_t> RouteTree::match(const Labels& labels) const {
  std::vector<size_t> found;
  // A root with matchers is refused by the loader; one made in code still gets every alert.
  if (!walk(0, labels, found)) found.push_back(0);
  return found;
}

Labels group_labels(const Route& route, const Labels& labels) {
  if (route.group_by_all) return labels;
  std::vector<Label> group;
  for (const std::string& name : route.group_by) {
    const std::string_view value = labels.get(name);
    if (!value.empty()) group.push_back({name, std::string(value)});
  }
  return Labels::from(std::move(group));
}

std::string group_key(const std::string& route_key, const Labels& group) {
  std::string key = route_key + ":{";
  bool first = true;
  for (const auto& label : group) {
    if (!first) key += ", ";
    first = false;
    key += label.name;
    key += "=\"";
    append_escaped(key, label.value);
    key += '"';
  }
  return key + "}";
}

std::string format_matchers(const std::vector<Matcher>& matchers) {
  std::vector<const Matcher*> sorted;
  for (const Matcher& m : matchers) sorted.push_back(&m);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Matcher* a, const Matcher* b) {
    return std::tie(a->name(), a->value()) < std::tie(b->name(), b->value());
  });
  std::string text = "{";
  for (const Matcher* m : sorted) {
    if (text.size() > 1) text += ',';
    text += m->to_string();
  }
  return text + "}";
}

}  // namespace sluice::alerts
