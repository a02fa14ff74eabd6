// A new configuration takes over: what is the same in both keeps its state.

#include <algorithm>

#include "alerts/pipeline_state.h"

namespace sluice::alerts {
namespace {

std::shared_ptr<const Integration> find_integration(const Config& config, const Integration& old) {
  const Receiver* receiver = config.find_receiver(old.receiver);
  if (receiver == nullptr) return nullptr;
  for (const auto& integration : receiver->integrations) {
    if (integration->name() == old.name()) return integration;
  }
  return nullptr;
}

}  // namespace

// A group to which no route leads: it only waits for what was told to end.
Group& Pipeline::State::closing_group(const std::string& receiver, const std::string& key,
                                      const std::string& route_key, const Labels& labels) {
  auto owned = std::make_unique<Group>();
  Group& group = *owned;
  group.id = next_group_id++;
  group.key = key;
  group.route_key = route_key;
  group.receiver = receiver;
  group.labels = labels;
  group.flushed = true;
  group.next_flush = now;
  group.timer = now;
  timers.emplace(group.timer, &group);
  groups.emplace(slot(receiver, key), std::move(owned));
  return group;
}

// The integration as it is now; a message that waits goes to the new endpoint.
void Pipeline::State::retarget(Conversation& conversation, std::shared_ptr<const Integration> to) {
  const bool changed = *conversation.to != *to;
  const bool waits = conversation.phase == Conversation::Phase::kWaiting;
  if (changed && waits) outbox.remove(conversation.endpoint, conversation.id);
  conversation.to = std::move(to);
  if (!changed) return;
  // Whatever was refused may be welcome now.
  conversation.log.refused_at = Timestamp{};
  conversation.log.refused_firing.clear();
  conversation.log.refused_resolved.clear();
  if (waits) queue(conversation, now);
}

void Pipeline::State::reload(std::shared_ptr<const Config> next, Effects& effects) {
  const std::shared_ptr<const Config> previous = std::exchange(config, std::move(next));
  tree = RouteTree(config->route);
  inhibitor = Inhibitor(config->inhibit_rules);

  // Everything is a guest until the new tree leads to it.
  for (const auto& [name, group] : groups) {
    group->route = nullptr;
    for (auto& [fingerprint, member] : group->members) member.guest = true;
  }
  std::vector<std::pair<Fingerprint, AlertEntry*>> in_order;
  for (const auto& [fingerprint, entry] : alerts) in_order.emplace_back(fingerprint, entry.get());
  std::sort(in_order.begin(), in_order.end());
  for (const auto& [fingerprint, entry] : in_order) {
    inhibitor.update(entry->alert);
    assign(*entry);
  }

  std::vector<Group*> all;
  for (const auto& [name, group] : groups) all.push_back(group.get());
  std::sort(all.begin(), all.end(), [](const Group* a, const Group* b) { return a->id < b->id; });
  for (Group* group : all) {
    for (const auto& conversation : group->conversations) {
      auto to = find_integration(*config, *conversation->to);
      conversation->closing = group->route == nullptr || to == nullptr;
      if (to != nullptr) retarget(*conversation, std::move(to));
    }
    if (group->route != nullptr) {
      for (const auto& integration : config->find_receiver(group->receiver)->integrations) {
        const bool known = std::any_of(group->conversations.begin(), group->conversations.end(),
                                       [&](const auto& c) { return c->to == integration; });
        if (!known) add_conversation(*group, integration);
      }
    }
    settle(*group, effects);
  }
  outbox.forget_idle();
}

}  // namespace sluice::alerts
