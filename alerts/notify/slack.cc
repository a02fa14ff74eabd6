// Slack's incoming webhooks, in the form of Alertmanager's slack_configs: one attachment for each group.
//
// Slack takes 40,000 characters of message text, but an attachment that nobody reads to its end helps nobody:
// texts are clipped at 8,000 and say how much was left out. Several groups that had to wait for the rate
// limit share a message.

#include <boost/json.hpp>

#include <fmt/format.h>

#include "alerts/notify/render.h"
#include "alerts/notify/template_data.h"

namespace sluice::alerts::notify {
namespace {

namespace json = boost::json;

constexpr size_t kTitleCharactersMax = 1024;
constexpr size_t kTextCharactersMax = 8000;
constexpr size_t kFieldsMax = 100;

void put(json::object& out, std::string_view key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

json::array render_fields(const SlackConfig& config, Renderer& renderer) {
  json::array out;
  for (size_t i = 0; i < config.fields->size() && i < kFieldsMax; ++i) {
    const SlackField& field = (*config.fields)[i];
    const std::string at = fmt::format("fields[{}].", i);
    out.push_back(
        json::object{{"title", renderer.text(at + "title", field.title)},
                     {"value", clip_characters(renderer.text(at + "value", field.value), kTextCharactersMax)},
                     {"short", field.is_short.value_or(config.short_fields)}});
  }
  return out;
}

json::array render_actions(const SlackConfig& config, Renderer& renderer) {
  json::array out;
  for (size_t i = 0; i < config.actions->size(); ++i) {
    const SlackAction& action = (*config.actions)[i];
    const std::string at = fmt::format("actions[{}].", i);
    json::object rendered{{"type", renderer.text(at + "type", action.type)},
                          {"text", renderer.text(at + "text", action.text)}};
    put(rendered, "url", renderer.text(at + "url", action.url));
    put(rendered, "style", renderer.text(at + "style", action.style));
    put(rendered, "name", renderer.text(at + "name", action.name));
    put(rendered, "value", renderer.text(at + "value", action.value));
    if (action.confirm) {
      json::object confirm{{"text", renderer.text(at + "confirm.text", action.confirm->text)}};
      put(confirm, "title", renderer.text(at + "confirm.title", action.confirm->title));
      put(confirm, "ok_text", renderer.text(at + "confirm.ok_text", action.confirm->ok_text));
      put(confirm, "dismiss_text", renderer.text(at + "confirm.dismiss_text", action.confirm->dismiss_text));
      rendered["confirm"] = std::move(confirm);
    }
    out.push_back(std::move(rendered));
  }
  return out;
}

json::object attachment(const SlackConfig& config, Renderer& renderer, const Notification& notification) {
  json::object out;
  out["title"] =
      truncate_characters(renderer.text("title", config.title, "slack.default.title"), kTitleCharactersMax);
  out["title_link"] = renderer.text("title_link", config.title_link, "slack.default.titlelink");
  put(out, "pretext", renderer.text("pretext", config.pretext, "slack.default.pretext"));
  out["text"] = clip_characters(renderer.text("text", config.text, "slack.default.text"), kTextCharactersMax);
  out["fallback"] = clip_characters(renderer.text("fallback", config.fallback, "slack.default.fallback"),
                                    kTextCharactersMax);
  out["callback_id"] = renderer.text("callback_id", config.callback_id, "slack.default.callbackid");
  if (config.fields) out["fields"] = render_fields(config, renderer);
  if (config.actions) out["actions"] = render_actions(config, renderer);
  put(out, "image_url", renderer.text("image_url", config.image_url, ""));
  put(out, "thumb_url", renderer.text("thumb_url", config.thumb_url, ""));
  out["footer"] = renderer.text("footer", config.footer, "slack.default.footer");
  const std::string color = renderer.text("color", config.color, "");
  out["color"] = config.color ? color : notification.firing() ? "danger" : "good";
  json::array mrkdwn_in;
  if (config.mrkdwn_in) {
    for (const std::string& part : *config.mrkdwn_in) mrkdwn_in.emplace_back(part);
  } else {
    mrkdwn_in = {"fallback", "pretext", "text"};
  }
  out["mrkdwn_in"] = std::move(mrkdwn_in);
  return out;
}

}  // namespace

Result<OutgoingRequest> slack_request(const SlackConfig& config, const RequestContext& context) {
  const auto url = reveal(config.api_url, context.read_file);
  if (!url) return url.error();
  Renderer& first = context.renderers.front();
  json::object body;
  put(body, "channel", first.text("channel", config.channel));
  put(body, "username", first.text("username", config.username, "slack.default.username"));
  put(body, "icon_emoji", first.text("icon_emoji", config.icon_emoji, "slack.default.iconemoji"));
  put(body, "icon_url", first.text("icon_url", config.icon_url, "slack.default.iconurl"));
  if (config.link_names) body["link_names"] = true;
  const size_t groups = context.delivery.notifications.size();
  if (groups > 1)
    body["text"] = fmt::format("{} notifications in one, to keep within Slack's rate limit", groups);
  json::array attachments;
  for (size_t i = 0; i < groups; ++i) {
    attachments.push_back(attachment(config, context.renderers[i], context.delivery.notifications[i]));
  }
  body["attachments"] = std::move(attachments);
  return post(config.http, *url, "application/json", json::serialize(body), context.options.user_agent,
              context.read_file);
}

}  // namespace sluice::alerts::notify
