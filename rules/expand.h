#pragma once
// Labels and annotations of alerts are templates: Go's text/template with Prometheus's functions and data.
//
//   "{{ $labels.instance }} is slow: {{ $value | humanizeDuration }}"
//
// A template that fails must not cost the alert. Its error becomes its text, as in Prometheus
// (`<error expanding template: ...>`), and is handed back so that it is logged and counted.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/result.h"
#include "core/template/template.h"
#include "core/time.h"

namespace sluice::rules {

// One element of a query's answer, as templates see it.
struct TemplateSample {
  Labels labels;
  double value = 0;
};

// What a template may look at besides its data. Lives as long as the expansion.
struct TemplateContext {
  Timestamp now{};
  const Labels* external_labels = nullptr;  // null is empty
  std::string_view external_url;
  // Answers `query "..."`; without it the function is an error.
  std::function<Result<std::vector<TemplateSample>>(std::string_view expression)> query;
};

// The functions of Prometheus's templates, bound to `context`. The table is the same for every context: for
// parsing, any will do.
gotmpl::Functions template_functions(const TemplateContext& context);

// One label or annotation. Text without an action is kept as it is and costs nothing to expand.
class AlertTemplate {
 public:
  // `alert` names the template in messages: "__alert_" + alert.
  AlertTemplate(std::string_view alert, std::string_view text);

  // Why the text does not parse, or empty. Such a template still expands, to that error.
  const std::string& parse_error() const { return parse_error_; }
  bool is_plain() const { return plain_; }

  struct Expanded {
    std::string text;
    std::string error;  // empty when it went well
  };
  Expanded expand(const gotmpl::Value& data, const gotmpl::Functions& functions) const;

 private:
  std::string name_;
  std::string text_;
  std::string parse_error_;
  bool plain_ = false;
  std::shared_ptr<const gotmpl::Set> set_;
};

// {{ .Labels }}, {{ .ExternalLabels }}, {{ .ExternalURL }}, {{ .Value }}: the data of one alert.
gotmpl::Value alert_template_data(const Labels& labels, double value, const TemplateContext& context);

// Go's url.QueryEscape.
std::string query_escape(std::string_view text);
// "/graph?g0.expr=EXPR&g0.tab=1" (table) or tab=0 (graph): Prometheus's links, also served by our status
// page.
std::string table_link(std::string_view expression);
std::string graph_link(std::string_view expression);

}  // namespace sluice::rules
