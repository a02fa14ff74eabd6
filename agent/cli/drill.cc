// sluice drill RECEIVER: a marked test message through every integration of a receiver, and what each
// answered. It goes out as the agent would send it, but opens no incident that stays: a trigger is followed
// by its resolve.

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>

#include "agent/app/edge.h"
#include "agent/app/notify_loop.h"
#include "agent/cli/commands.h"
#include "agent/cli/load.h"
#include "agent/cli/print.h"
#include "agent/config/alertmanager_file.h"
#include "core/file/file.h"

namespace sluice::cli {

namespace asio = boost::asio;

namespace {

struct Setup {
  std::shared_ptr<const alerts::Config> alerting;
  alerts::notify::NotifierOptions options;
};

// From alertmanager.yml itself, or from the sluice.yml that names it.
std::optional<Setup> load_setup(const DrillOptions& options) {
  Setup setup;
  if (options.config_file.find("alertmanager") != std::string::npos) {
    Mistakes mistakes;
    setup.alerting = config::load_alertmanager_file(options.config_file, mistakes);
    print_mistakes(mistakes);
    if (setup.alerting == nullptr) return std::nullopt;
    return setup;
  }
  const config::Loaded loaded = load(options.config_file, options.env_file);
  print_mistakes(loaded.mistakes);
  if (loaded.config == nullptr) return std::nullopt;
  if (loaded.config->alerting == nullptr) {
    print_error("the configuration has no alerting.config_file: there is nobody to tell");
    return std::nullopt;
  }
  setup.alerting = loaded.config->alerting;
  setup.options = app::notifier_options(*loaded.config);
  return setup;
}

alerts::Delivery drill_message(std::shared_ptr<const alerts::Integration> to, Timestamp now, bool resolved) {
  auto alert = std::make_shared<Alert>();
  alert->labels = {{"alertname", "SluiceDrill"}, {"severity", "info"}};
  alert->annotations = {{"summary", "[DRILL] This is a test message. Nothing is wrong."},
                        {"description", "Sent by `sluice drill` to see that this receiver is reached."}};
  alert->starts_at = now - std::chrono::minutes(1);
  alert->ends_at = resolved ? now : now + std::chrono::minutes(5);
  alert->updated_at = now;
  alerts::Notification notification;
  notification.group_key = "{}:{alertname=\"SluiceDrill\"}";
  notification.group_labels = {{"alertname", "SluiceDrill"}};
  notification.alerts.push_back({alert, resolved});
  notification.now = now;
  notification.reason = resolved ? alerts::NotifyReason::kResolved : alerts::NotifyReason::kFirst;
  alerts::Delivery delivery;
  delivery.to = std::move(to);
  delivery.notifications.push_back(std::move(notification));
  return delivery;
}

asio::awaitable<void> drill_all(app::Edge& edge, const alerts::Receiver& receiver,
                                const alerts::notify::Notifier& notifier, bool& all_fine) {
  for (const auto& integration : receiver.integrations) {
    for (const bool resolved : {false, true}) {
      if (resolved && !integration->send_resolved) continue;
      const alerts::Delivery delivery = drill_message(integration, edge.clock.unix_now(), resolved);
      const alerts::DeliveryOutcome outcome = co_await app::send_delivery(edge, notifier, delivery);
      const bool fine = outcome.kind == alerts::DeliveryOutcome::Kind::kDelivered;
      all_fine = all_fine && fine;
      print_line(fmt::format("{}: {}: {}{}", integration->name(), resolved ? "resolved" : "firing",
                             fine ? "delivered" : "failed",
                             outcome.detail.empty() ? "" : ", " + outcome.detail));
    }
  }
}

}  // namespace

int drill(const DrillOptions& options) {
  const std::optional<Setup> setup = load_setup(options);
  if (!setup) return kUsage;
  const alerts::Receiver* receiver = setup->alerting->find_receiver(options.receiver);
  if (receiver == nullptr) {
    std::vector<std::string> names;
    for (const alerts::Receiver& known : setup->alerting->receivers) names.push_back(known.name);
    print_error(fmt::format("there is no receiver {}; there are {}", quote(options.receiver),
                            fmt::join(names, ", ")));
    return kUsage;
  }
  if (receiver->integrations.empty()) {
    print_error(fmt::format("the receiver {} has no integrations", quote(options.receiver)));
    return kFailed;
  }
  Mistakes mistakes;
  const auto notifier = alerts::notify::Notifier::make(setup->alerting, setup->options, mistakes);
  print_mistakes(mistakes);
  if (notifier == nullptr) return kFailed;
  app::Edge edge(app::make_log(LogLevel::kError, false));
  bool all_fine = true;
  asio::co_spawn(edge.io, drill_all(edge, *receiver, *notifier, all_fine),
                 [&edge](std::exception_ptr escaped) {
                   edge.io.stop();
                   if (escaped) std::rethrow_exception(escaped);
                 });
  edge.io.run();
  return all_fine ? kFine : kFailed;
}

}  // namespace sluice::cli
