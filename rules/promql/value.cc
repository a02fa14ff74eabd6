#include "rules/promql/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

void append_json_string(std::string& out, std::string_view text) {
  const std::string mended = is_valid_utf8(text) ? std::string() : valid_utf8(text);
  if (!mended.empty()) text = mended;
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

// Seconds with as many digits as milliseconds need.
void append_json_time(std::string& out, Timestamp at) {
  int64_t ms = to_unix_ms(at);
  if (ms < 0) {
    out += '-';
    ms = -ms;
  }
  out += fmt::format("{}", ms / 1000);
  if (ms % 1000 != 0) out += fmt::format(".{:03}", ms % 1000);
}

void append_json_number(std::string& out, double value) {
  out += '"';
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    const double size = std::abs(value);
    const bool scientific = size != 0 && (size < 1e-6 || size >= 1e21);
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                   scientific ? std::chars_format::scientific : std::chars_format::fixed)
                         .ptr;
    out.append(buffer, end);
  }
  out += '"';
}

void append_json_point(std::string& out, Sample sample) {
  out += '[';
  append_json_time(out, sample.at);
  out += ',';
  append_json_number(out, sample.value);
  out += ']';
}

void append_json_metric(std::string& out, const Labels& labels) {
  out += "{\"metric\":{";
  bool first = true;
  for (const LabelView& label : labels) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, label.name);
    out += ':';
    append_json_string(out, label.value);
  }
  out += '}';
}

void append_json_result(std::string& out, const ScalarValue& scalar) {
  append_json_point(out, {scalar.at, scalar.value});
}

void append_json_result(std::string& out, const StringValue& string) {
  out += '[';
  append_json_time(out, string.at);
  out += ',';
  append_json_string(out, string.value);
  out += ']';
}

void append_json_result(std::string& out, const Vector& vector) {
  out += '[';
  for (const VectorElement& element : vector) {
    if (&element != vector.data()) out += ',';
    append_json_metric(out, element.labels);
    out += ",\"value\":";
    append_json_point(out, element.sample);
    out += '}';
  }
  out += ']';
}

void append_json_result(std::string& out, const Matrix& matrix) {
  out += '[';
  for (const MatrixSeries& series : matrix) {
    if (&series != matrix.data()) out += ',';
    append_json_metric(out, series.labels);
    out += ",\"values\":[";
    for (const Sample& sample : series.samples) {
      if (&sample != series.samples.data()) out += ',';
      append_json_point(out, sample);
    }
    out += "]}";
  }
  out += ']';
}

}  // namespace

void FallingBuckets::merge(const FallingBuckets& other) {
  lowest = std::min(lowest, other.lowest);
  highest = std::max(highest, other.highest);
  most = std::max(most, other.most);
  samples += other.samples;
  first = std::min(first, other.first);
  last = std::max(last, other.last);
}

std::string Annotation::to_string(std::string_view query) const {
  std::string text = message;
  if (falling) {
    text += fmt::format(", from buckets {} to {}, with a max diff of {:.2g}, over {} samples from {} to {}",
                        go_float(falling->lowest), go_float(falling->highest), falling->most,
                        falling->samples, format_rfc3339(falling->first), format_rfc3339(falling->last));
  }
  return fmt::format("{} ({})", text, place(query, where.begin));
}

void Annotations::add(Annotation annotation) {
  for (Annotation& known : list_) {
    if (known.message != annotation.message) continue;
    known.where = annotation.where;
    if (known.falling && annotation.falling) known.falling->merge(*annotation.falling);
    return;
  }
  list_.push_back(std::move(annotation));
}

std::string_view result_type(const Value& value) {
  static constexpr std::string_view kNames[] = {"scalar", "string", "vector", "matrix"};
  return kNames[value.index()];
}

std::string to_json(const Value& value) {
  std::string out = fmt::format("{{\"resultType\":\"{}\",\"result\":", result_type(value));
  std::visit([&out](const auto& v) { append_json_result(out, v); }, value);
  return out + '}';
}

}  // namespace sluice::promql
