#pragma once
// Which receivers an alert is for: a walk down the route tree.
//
// An alert enters at the root and goes to the first child that accepts it, and on to the siblings behind that
// one as long as each says `continue`; in every child the same again. Where no child accepts it, the node
// itself takes it. The root accepts everything, so every alert ends somewhere.
//
//     root (ops) -- severity="page" (pager, continue) -- team="db" (dba)
//
// {severity="page",team="db"} reaches pager and dba; {severity="info"} reaches ops.

#include <string>
#include <vector>

#include "alerts/config.h"
#include "core/labels.h"

namespace sluice::alerts {

class RouteTree {
 public:
  struct Node {
    const Route* route = nullptr;
    // Alertmanager's key of the path, "{}/{severity=\"page\"}"; it begins group keys, which the receivers
    // see.
    std::string key;
    std::vector<size_t> children;
  };

  // `root` must outlive the tree.
  explicit RouteTree(const Route& root);

  // The nodes that take an alert with these labels, in the tree's order; never empty.
  std::vector<size_t> match(const Labels& labels) const;
  const Node& node(size_t index) const { return nodes_[index]; }
  size_t size() const { return nodes_.size(); }

 private:
  size_t add(const Route& route, const std::string& parent_key);
  bool walk(size_t index, const Labels& labels, std::vector<size_t>& found) const;

  std::vector<Node> nodes_;
};

// The labels that make the group of an alert on that route: those of `group_by` which it has, or all.
Labels group_labels(const Route& route, const Labels& labels);
// "{}/{team=\"a\"}:{alertname=\"Down\", job=\"x\"}"
std::string group_key(const std::string& route_key, const Labels& group);
// `{a="b",c=~"d"}`, sorted as Alertmanager sorts them.
std::string format_matchers(const std::vector<Matcher>& matchers);

}  // namespace sluice::alerts
