#include "rules/promql/series_notation.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "core/number.h"
#include "core/sample.h"
#include "rules/promql/parser.h"
#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class ValuesParser {
 public:
  explicit ValuesParser(std::string_view text) : text_(text) {}

  Result<std::vector<SeriesPoint>> parse() {
    for (;;) {
      while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t')) ++position_;
      if (position_ == text_.size()) return std::move(points_);
      if (!item()) return std::move(*error_);
      if (position_ < text_.size() && text_[position_] != ' ' && text_[position_] != '\t')
        return unexpected();
    }
  }

 private:
  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  bool accept(std::string_view what) {
    if (!text_.substr(position_).starts_with(what)) return false;
    position_ += what.size();
    return true;
  }
  Error unexpected() const {
    const std::string what =
        position_ < text_.size() ? go_quote(text_.substr(position_, 10)) : std::string("end of input");
    return invalid(fmt::format("1:{}: parse error: unexpected {} in series values", position_ + 1, what));
  }
  bool fail(Error error) {
    error_ = std::move(error);
    return false;
  }

  // `xN`, where it stands; else empty.
  std::optional<size_t> times() {
    if (peek() != 'x') return std::nullopt;
    const char* begin = text_.data() + position_ + 1;
    size_t count = 0;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), count);
    if (error != std::errc()) {
      fail(unexpected());
      return std::nullopt;
    }
    position_ = static_cast<size_t>(end - text_.data());
    return count;
  }

  bool repeat(SeriesPoint point, size_t count, double increment = 0) {
    if (count > kSeriesPointsMax - points_.size()) {
      return fail(limit_met(fmt::format("a series of more than {} values", kSeriesPointsMax)));
    }
    for (size_t i = 0; i < count; ++i) {
      points_.push_back(point);
      point.value += increment;
    }
    return true;
  }

  // An unsigned number; what follows it is not looked at.
  std::optional<double> number() {
    const size_t begin = position_;
    if (is_letter(peek())) {
      while (is_letter(peek())) ++position_;
    } else {
      while (is_digit(peek()) || peek() == '.') ++position_;
      const bool exponent = position_ > begin && (peek() == 'e' || peek() == 'E');
      if (exponent) {
        ++position_;
        if (peek() == '+' || peek() == '-') ++position_;
        while (is_digit(peek())) ++position_;
      }
    }
    const std::optional<double> value = parse_float(text_.substr(begin, position_ - begin));
    if (!value) position_ = begin;
    return value;
  }

  bool item() {
    if (accept("_")) {
      const std::optional<size_t> count = times();
      return !error_ && repeat({SeriesPoint::Kind::kOmitted, 0}, count.value_or(1));
    }
    if (accept("stale")) return repeat({SeriesPoint::Kind::kValue, stale_marker()}, 1);
    if (accept("{{")) return histogram();

    const auto sign = [this] { return accept("-") ? -1.0 : (accept("+"), 1.0); };
    const double first_sign = sign();
    const std::optional<double> value = number();
    if (!value) return fail(unexpected());
    double increment = 0;
    const bool stepped = peek() == '+' || peek() == '-';
    if (stepped) {
      const double step_sign = sign();
      const std::optional<double> step = number();
      if (!step) return fail(unexpected());
      increment = step_sign * *step;
    }
    const std::optional<size_t> count = times();
    if (error_) return false;
    if (stepped && !count) return fail(unexpected());
    // The value itself comes on top of its repetitions.
    return repeat({SeriesPoint::Kind::kValue, first_sign * *value}, count ? *count + 1 : 1, increment);
  }

  bool histogram() {
    const auto skip_body = [this] {
      const size_t end = text_.find("}}", position_);
      if (end == std::string_view::npos) return fail(unexpected());
      position_ = end + 2;
      return true;
    };
    if (!skip_body()) return false;
    if ((accept("+{{") || accept("-{{")) && !skip_body()) return false;
    const std::optional<size_t> count = times();
    return !error_ && repeat({SeriesPoint::Kind::kHistogram, 0}, count ? *count + 1 : 1);
  }

  std::string_view text_;
  size_t position_ = 0;
  std::vector<SeriesPoint> points_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<SeriesPoint>> parse_series_values(std::string_view text) {
  return ValuesParser(text).parse();
}

Result<SeriesNotation> parse_series(std::string_view line) {
  Result<std::pair<Labels, size_t>> prefix = parse_labels_prefix(line);
  if (!prefix) return prefix.error();
  Result<std::vector<SeriesPoint>> points = parse_series_values(line.substr(prefix->second));
  if (!points) return points.error();
  return SeriesNotation{std::move(prefix->first), std::move(*points)};
}

}  // namespace sluice::promql
