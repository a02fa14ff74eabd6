#include "core/exposition/text_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "core/number.h"

namespace sluice::exposition {
namespace {

// How much an Accept header wants one media range, 0 to 1000.
struct Wish {
  std::string_view media;
  int quality = 1000;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view take_until(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return trimmed(part);
}

Wish read_wish(std::string_view range) {
  Wish wish;
  wish.media = take_until(range, ';');
  bool known_version = true;
  while (!range.empty()) {
    std::string_view parameter = take_until(range, ';');
    const std::string_view key = take_until(parameter, '=');
    const std::string_view value = trimmed(parameter);
    if (key == "q") {
      const std::optional<double> quality = parse_float(value);
      wish.quality = quality && *quality >= 0 && *quality <= 1 ? static_cast<int>(*quality * 1000) : 0;
    } else if (key == "version" && wish.media == "application/openmetrics-text") {
      known_version = value == "0.0.1" || value == "1.0.0";
    }
  }
  if (!known_version) wish.quality = 0;
  return wish;
}

void append_escaped_name(std::string& out, std::string_view name, bool colons) {
  const bool classic = colons ? is_classic_metric_name(name) : is_classic_label_name(name);
  if (classic) {
    out += name;
    return;
  }
  if (!name.empty() && name[0] >= '0' && name[0] <= '9') out += '_';
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    const bool continuation = (static_cast<unsigned char>(c) & 0xc0) == 0x80;  // one `_` for each code point
    if (!continuation) out += word || (colons && c == ':') ? c : '_';
  }
  if (name.empty()) out += '_';
}

bool ends_with_total(std::string_view name) {
  return name.ends_with("_total");
}

void append_help_text(std::string& out, std::string_view help, Format format) {
  for (const char c : help) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && format == Format::kOpenMetrics) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string_view type_word(MetricType type, std::string_view name, Format format) {
  if (format == Format::kText) return to_string(type);
  if (type == MetricType::kUnknown || (type == MetricType::kCounter && !ends_with_total(name)))
    return "unknown";
  return to_string(type);
}

}  // namespace

std::string_view content_type(Format format) {
  return format == Format::kText ? "text/plain; version=0.0.4; charset=utf-8"
                                 : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

Format negotiate(std::string_view accept) {
  int openmetrics = 0, text = 0, any = 0;
  while (!accept.empty()) {
    const Wish wish = read_wish(take_until(accept, ','));
    if (wish.media == "application/openmetrics-text") openmetrics = std::max(openmetrics, wish.quality);
    if (wish.media == "text/plain" || wish.media == "text/*") text = std::max(text, wish.quality);
    if (wish.media == "*/*") any = std::max(any, wish.quality);
  }
  return openmetrics > 0 && openmetrics >= text && openmetrics >= any ? Format::kOpenMetrics : Format::kText;
}

MetricType openmetrics_type(MetricType type, const Labels& line) {
  if (type != MetricType::kSummary) return type;
  const std::optional<double> quantile = parse_float(line.get("quantile"));
  return quantile && !(*quantile >= 0 && *quantile <= 1) ? MetricType::kUnknown : type;
}

void append_family_header(std::string& out, std::string_view name, MetricType type, std::string_view help,
                          Format format) {
  std::string family;
  append_escaped_name(family, name, true);
  const std::string_view word = type_word(type, family, format);
  if (format == Format::kOpenMetrics && word == "counter")
    family.resize(family.size() - std::string_view("_total").size());
  if (!help.empty()) {
    out.append("# HELP ").append(family) += ' ';
    append_help_text(out, help, format);
    out += '\n';
  }
  out.append("# TYPE ").append(family).append(" ").append(word) += '\n';
}

void append_line_start(std::string& out, std::string_view name, std::string_view suffix,
                       const Labels& labels) {
  append_escaped_name(out, name, true);
  out += suffix;
  char separator = '{';
  for (const auto& label : labels) {
    if (label.name == kMetricName) continue;
    out += separator;
    append_escaped_name(out, label.name, false);
    out += "=\"";
    append_escaped(out, label.value);
    out += '"';
    separator = ',';
  }
  if (separator == ',') out += '}';
  out += ' ';
}

void write(std::string& out, std::vector<ExposedFamily> families, Format format) {
  std::stable_sort(families.begin(), families.end(),
                   [](const ExposedFamily& a, const ExposedFamily& b) { return a.name < b.name; });
  const std::string* current = nullptr;
  for (const ExposedFamily& family : families) {
    if (family.samples.empty()) continue;
    if (current == nullptr || *current != family.name) {
      const MetricType type = format == Format::kOpenMetrics
                                  ? openmetrics_type(family.type, family.samples.front().labels)
                                  : family.type;
      append_family_header(out, family.name, type, family.help, format);
      current = &family.name;
    }
    for (const ExposedSample& sample : family.samples) {
      append_line_start(out, family.name, sample.suffix, sample.labels);
      append_float(out, sample.value);
      if (sample.at && format == Format::kText) out += fmt::format(" {}", to_unix_ms(*sample.at));
      if (sample.at && format == Format::kOpenMetrics) {
        const int64_t ms = to_unix_ms(*sample.at);
        out += ms < 0 ? " -" : " ";
        out += fmt::format("{}.{:03}", std::abs(ms) / 1000, std::abs(ms) % 1000);
      }
      out += '\n';
    }
  }
  if (format == Format::kOpenMetrics) out += "# EOF\n";
}

void write(std::string& out, std::span<const MetricPoint> points, Format format) {
  std::map<std::string_view, ExposedFamily> by_name;
  for (const MetricPoint& point : points) {
    ExposedFamily& family = by_name[point.family->name];
    if (family.samples.empty()) {
      family.name = point.family->name;
      family.type = point.family->type;
      family.help = point.family->help;
    }
    family.samples.push_back({"", point.labels, point.value, std::nullopt});
  }
  std::vector<ExposedFamily> families;
  for (auto& [name, family] : by_name) families.push_back(std::move(family));
  write(out, std::move(families), format);
}

}  // namespace sluice::exposition
