#include "rules/expand.h"

#include <fmt/format.h>

namespace sluice::rules {

namespace {

// What the data are called in Go's error messages.
const gotmpl::Type kDataType{
    "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value "
    "interface {} }",
    {},
    gotmpl::Kind::kAny};

constexpr std::string_view kDefinitions =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := "
    ".Value}}";

const gotmpl::Functions& names_of_functions() {
  static const gotmpl::Functions functions = template_functions({});
  return functions;
}

std::string error_text(std::string_view error) {
  return fmt::format("<error expanding template: {}>", error);
}

}  // namespace

AlertTemplate::AlertTemplate(std::string_view alert, std::string_view text)
    : name_(fmt::format("__alert_{}", alert)), text_(text), plain_(text.find("{{") == text.npos) {
  if (plain_) return;
  gotmpl::Set set;
  if (Result<void> added = set.add(name_, fmt::format("{}{}", kDefinitions, text), names_of_functions());
      !added) {
    parse_error_ = added.error().message;
    return;
  }
  set_ = std::make_shared<const gotmpl::Set>(std::move(set));
}

AlertTemplate::Expanded AlertTemplate::expand(const gotmpl::Value& data,
                                              const gotmpl::Functions& functions) const {
  if (plain_) return {text_, ""};
  if (set_ == nullptr) {
    std::string error = fmt::format("error parsing template {}: {}", name_, parse_error_);
    std::string shown = error_text(error);
    return {std::move(shown), std::move(error)};
  }

  const gotmpl::Functions* table = &functions;
  gotmpl::Functions with_tmpl;
  if (text_.find("tmpl") != text_.npos) {
    with_tmpl = functions;
    with_tmpl["tmpl"].call = [this,
                              &functions](std::span<const gotmpl::Value> args) -> Result<gotmpl::Value> {
      // One level: a template called so sees a `tmpl` that fails, which keeps this from recursing.
      Result<std::string> text = set_->execute(args[0].as_string(), args[1], functions);
      if (!text) return text.error();
      return gotmpl::Value(std::move(*text));
    };
    table = &with_tmpl;
  }
  Result<std::string> text = set_->execute(name_, data, *table);
  if (text) return {std::move(*text), ""};
  std::string error = fmt::format("error executing template {}: {}", name_, text.error().message);
  std::string shown = error_text(error);
  return {std::move(shown), std::move(error)};
}

gotmpl::Value alert_template_data(const Labels& labels, double value, const TemplateContext& context) {
  static const Labels kNone;
  const Labels& external = context.external_labels == nullptr ? kNone : *context.external_labels;
  return gotmpl::Value::object({{"Labels", gotmpl::Value::string_map(labels)},
                                {"ExternalLabels", gotmpl::Value::string_map(external)},
                                {"ExternalURL", gotmpl::Value(context.external_url)},
                                {"Value", gotmpl::Value(value)}},
                               &kDataType);
}

}  // namespace sluice::rules
