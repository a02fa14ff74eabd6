#include "alerts/notify/notifier.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include "alerts/notify/default_templates.h"
#include "alerts/notify/json.h"
#include "alerts/notify/render.h"
#include "alerts/notify/template_data.h"
#include "core/base64.h"
#include "core/check.h"
#include "core/template/quote.h"

namespace sluice::alerts::notify {
std::string sha256_hex(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  std::string out;
  for (const unsigned char byte : digest) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

namespace {

// As Go's JSON has it: what is no UTF-8 becomes U+FFFD. A receiver would refuse the whole message otherwise.
std::string valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const gotmpl::Rune rune = gotmpl::decode_rune(text);
    gotmpl::append_utf8(out, rune.value);
    text.remove_prefix(rune.bytes);
  }
  return out;
}

}  // namespace

std::string template_name(const Integration& integration, std::string_view key) {
  return fmt::format("{}.{}", integration.name(), key);
}

std::string Renderer::execute(std::string_view name, bool html) {
  if (error_) return "";
  if (!functions_) {
    functions_ = template_functions(notification_.now, options_.find_zone, options_.agent);
    data_ = template_data(notification_, to_.receiver, options_.external_url);
  }
  gotmpl::ExecuteOptions how;
  how.html = html;
  auto text = set_.execute(name, data_, *functions_, how);
  if (text) return is_valid_utf8(*text) ? std::move(*text) : valid_utf8(*text);
  error_ = text.error();
  return "";
}

std::string Renderer::text(std::string_view key, const std::string& configured) {
  if (configured.find("{{") == std::string::npos)
    return is_valid_utf8(configured) ? configured : valid_utf8(configured);
  return execute(template_name(to_, key));
}

std::string Renderer::text(std::string_view key, const Template& configured, std::string_view default_name) {
  if (configured) return text(key, *configured);
  return default_name.empty() ? "" : execute(default_name);
}

std::string Renderer::html(std::string_view key, const Template& configured, std::string_view default_name) {
  if (!configured) return execute(default_name, true);
  return configured->find("{{") == std::string::npos ? *configured : execute(template_name(to_, key), true);
}

Result<std::string> reveal(const Secret& secret, const ReadFile& read_file) {
  if (secret.file.empty()) return secret.value;
  auto text = read_file(secret.file);
  if (!text) return unavailable(text.error().message);
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r' || text->back() == ' '))
    text->pop_back();
  return text;
}

Result<OutgoingRequest> post(const HttpClientConfig& http, std::string url, std::string_view content_type,
                             std::string body, const std::string& user_agent, const ReadFile& read_file) {
  OutgoingRequest out;
  out.request.method = "POST";
  out.request.url = std::move(url);
  out.request.headers = {{"Content-Type", std::string(content_type)}, {"User-Agent", user_agent}};
  if (http.basic_auth) {
    const auto password = reveal(http.basic_auth->password, read_file);
    if (!password) return password.error();
    out.request.headers.push_back(
        {"Authorization", "Basic " + base64_encode(http.basic_auth->username + ":" + *password)});
  } else if (http.authorization) {
    const auto credentials = reveal(http.authorization->credentials, read_file);
    if (!credentials) return credentials.error();
    out.request.headers.push_back({"Authorization", http.authorization->type + " " + *credentials});
  }
  for (const ExtraHeader& header : http.headers) {
    auto value = reveal(header.value, read_file);
    if (!value) return value.error();
    out.request.headers.push_back({header.name, std::move(*value)});
  }
  out.request.body = std::move(body);
  if (http.timeout > Duration::zero()) out.timeout = http.timeout;
  out.tls = http.tls;
  out.follow_redirects = http.follow_redirects;
  return out;
}

void for_each_template(const Integration& integration,
                       const std::function<void(const std::string& key, const std::string& text)>& use) {
  const auto all = [&](std::initializer_list<std::pair<const char*, const Template*>> texts) {
    for (const auto& [key, text] : texts) {
      if (*text) use(key, **text);
    }
  };
  if (const auto* slack = std::get_if<SlackConfig>(&integration.config)) {
    use("channel", slack->channel);
    all({{"username", &slack->username},
         {"color", &slack->color},
         {"title", &slack->title},
         {"title_link", &slack->title_link},
         {"pretext", &slack->pretext},
         {"text", &slack->text},
         {"fallback", &slack->fallback},
         {"callback_id", &slack->callback_id},
         {"footer", &slack->footer},
         {"icon_emoji", &slack->icon_emoji},
         {"icon_url", &slack->icon_url},
         {"image_url", &slack->image_url},
         {"thumb_url", &slack->thumb_url}});
    for (size_t i = 0; slack->fields && i < slack->fields->size(); ++i) {
      use(fmt::format("fields[{}].title", i), (*slack->fields)[i].title);
      use(fmt::format("fields[{}].value", i), (*slack->fields)[i].value);
    }
    for (size_t i = 0; slack->actions && i < slack->actions->size(); ++i) {
      const SlackAction& action = (*slack->actions)[i];
      const std::string at = fmt::format("actions[{}].", i);
      for (const auto& [key, text] : {std::pair("type", &action.type), std::pair("text", &action.text),
                                      std::pair("url", &action.url), std::pair("style", &action.style),
                                      std::pair("name", &action.name), std::pair("value", &action.value)}) {
        use(at + key, *text);
      }
      if (!action.confirm) continue;
      use(at + "confirm.text", action.confirm->text);
      use(at + "confirm.title", action.confirm->title);
      use(at + "confirm.ok_text", action.confirm->ok_text);
      use(at + "confirm.dismiss_text", action.confirm->dismiss_text);
    }
  } else if (const auto* pagerduty = std::get_if<PagerdutyConfig>(&integration.config)) {
    use("routing_key", pagerduty->routing_key.value);
    use("service_key", pagerduty->service_key.value);
    all({{"client", &pagerduty->client},
         {"client_url", &pagerduty->client_url},
         {"description", &pagerduty->description},
         {"severity", &pagerduty->severity},
         {"source", &pagerduty->source},
         {"class", &pagerduty->class_name},
         {"component", &pagerduty->component},
         {"group", &pagerduty->group}});
    if (pagerduty->details) {
      for (const auto& [key, text] : *pagerduty->details) use("details." + key, text);
    }
    for (size_t i = 0; i < pagerduty->images.size(); ++i) {
      use(fmt::format("images[{}].src", i), pagerduty->images[i].src);
      use(fmt::format("images[{}].alt", i), pagerduty->images[i].alt);
      use(fmt::format("images[{}].href", i), pagerduty->images[i].href);
    }
    for (size_t i = 0; i < pagerduty->links.size(); ++i) {
      use(fmt::format("links[{}].href", i), pagerduty->links[i].href);
      use(fmt::format("links[{}].text", i), pagerduty->links[i].text);
    }
  } else if (const auto* email = std::get_if<EmailConfig>(&integration.config)) {
    use("to", email->to);
    use("from", email->from);
    for (const auto& [name, text] : email->headers) use("headers." + name, text);
    all({{"html", &email->html}, {"text", &email->text}});
  }
}

boost::json::object to_json(const Labels& labels, boost::json::storage_ptr memory) {
  boost::json::object out(labels.size(), std::move(memory));
  for (const auto& label : labels) {
    if (is_valid_utf8(label.value)) {
      out.emplace(label.name, label.value);
    } else {
      out.emplace(label.name, valid_utf8(label.value));
    }
  }
  return out;
}

struct Notifier::State {
  std::shared_ptr<const Config> config;
  NotifierOptions options;
  gotmpl::Set set;
};

Notifier::Notifier(std::unique_ptr<State> state) : state_(std::move(state)) {}
Notifier::~Notifier() = default;

std::unique_ptr<Notifier> Notifier::make(std::shared_ptr<const Config> config, NotifierOptions options,
                                         Mistakes& mistakes) {
  auto state = std::make_unique<State>();
  state->config = std::move(config);
  state->options = std::move(options);
  const gotmpl::Functions functions = template_functions(Timestamp{}, nullptr);
  const size_t before = mistakes.size();
  const auto add = [&](const std::string& file, const std::string& name, std::string_view text) {
    if (const auto ok = state->set.add(name, text, functions); !ok) {
      mistakes.push_back({file, 0, 0, ok.error().message});
    }
  };
  add("built-in", "default", default_templates(state->options.look));
  for (const TemplateFile& file : state->config->templates) add(file.path, file.path, file.text);
  for (const Receiver& receiver : state->config->receivers) {
    for (const auto& integration : receiver.integrations) {
      for_each_template(*integration, [&](const std::string& key, const std::string& text) {
        if (text.find("{{") == std::string::npos) return;
        const std::string name = template_name(*integration, key);
        add(name, name, text);
      });
    }
  }
  if (mistakes.size() > before) return nullptr;
  return std::unique_ptr<Notifier>(new Notifier(std::move(state)));
}

template <typename Outgoing, typename Make>
Result<Outgoing> Notifier::compose(const Delivery& delivery, const ReadFile& read_file, Make make) const {
  std::vector<Renderer> renderers;
  renderers.reserve(delivery.notifications.size());
  for (const Notification& notification : delivery.notifications) {
    renderers.emplace_back(state_->set, notification, *delivery.to, state_->options);
  }
  Result<Outgoing> out = make(RequestContext{delivery, state_->options, read_file, renderers});
  for (const Renderer& renderer : renderers) {
    if (renderer.error()) return invalid(renderer.error()->message);
  }
  return out;
}

Result<OutgoingRequest> Notifier::to_request(const Delivery& delivery, const ReadFile& read_file) const {
  return compose<OutgoingRequest>(delivery, read_file,
                                  [&](const RequestContext& context) -> Result<OutgoingRequest> {
                                    const auto& config = delivery.to->config;
                                    if (const auto* slack = std::get_if<SlackConfig>(&config))
                                      return slack_request(*slack, context);
                                    if (const auto* webhook = std::get_if<WebhookConfig>(&config))
                                      return webhook_request(*webhook, context);
                                    const auto* pagerduty = std::get_if<PagerdutyConfig>(&config);
                                    SLUICE_CHECK(pagerduty != nullptr, "mail is not told by a request");
                                    return pagerduty_request(*pagerduty, context);
                                  });
}

Result<OutgoingMail> Notifier::to_mail(const Delivery& delivery, const ReadFile& read_file) const {
  const auto* email = std::get_if<EmailConfig>(&delivery.to->config);
  SLUICE_CHECK(email != nullptr, "only mail is told by mail");
  return compose<OutgoingMail>(delivery, read_file,
                               [&](const RequestContext& context) { return email_message(*email, context); });
}

}  // namespace sluice::alerts::notify
