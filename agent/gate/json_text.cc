#include "agent/gate/json_text.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>

#include "core/shared_clock.h"

namespace sluice::gate {

namespace json = boost::json;

std::string json_quote(std::string_view text) {
  return json::serialize(json::string_view(text.data(), text.size()));
}

std::string json_seconds(Timestamp at) {
  const int64_t ms = to_unix_ms(at);
  // The sign is written by hand: -0.5 has none in its whole part.
  const uint64_t size = ms < 0 ? 0 - static_cast<uint64_t>(ms) : static_cast<uint64_t>(ms);
  std::string out = fmt::format("{}{}.{:03}", ms < 0 ? "-" : "", size / 1000, size % 1000);
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out;
}

void JsonObject::raw(std::string_view key, std::string_view text) {
  if (out_.size() > 1) out_ += ',';
  out_ += json_quote(key);
  out_ += ':';
  out_ += text;
}

std::string JsonObject::done() {
  out_ += '}';
  return std::move(out_);
}

void JsonReader::fail(std::string_view key, std::string_view what) {
  if (error_.empty()) error_ = fmt::format("{:?} {}", key, what);
}

const json::value* JsonReader::find(std::string_view key) {
  if (!error_.empty()) return nullptr;
  const json::value* value = object_.if_contains({key.data(), key.size()});
  if (value == nullptr) fail(key, "is missing");
  return value;
}

void JsonReader::text(std::string_view key, std::string& out, size_t bytes_max) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string()) return fail(key, "must be a string");
  if (value->get_string().size() > bytes_max)
    return fail(key, fmt::format("is longer than {} bytes", bytes_max));
  out.assign(value->get_string().data(), value->get_string().size());
}

void JsonReader::time(std::string_view key, Timestamp& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  boost::system::error_code code;
  const double seconds = value->to_number<double>(code);
  const bool countable = !code && seconds >= 0 && seconds < 1e12;  // in milliseconds, too
  const Timestamp time = countable ? from_unix_ms(std::llround(seconds * 1000)) : Timestamp::max();
  if (!is_redis_time(time)) return fail(key, "must be a time in Unix seconds");
  out = time;
}

void JsonReader::flag(std::string_view key, bool& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_bool()) return fail(key, "must be true or false");
  out = value->get_bool();
}

void JsonReader::number(std::string_view key, int& out, int low, int high) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  boost::system::error_code code;
  const int number = value->to_number<int>(code);
  if (code || number < low || number > high) {
    return fail(key, fmt::format("must be a whole number from {} to {}", low, high));
  }
  out = number;
}

void JsonReader::number(std::string_view key, uint64_t& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  boost::system::error_code code;
  const uint64_t number = value->to_number<uint64_t>(code);
  if (code) return fail(key, "must be a whole number");
  out = number;
}

Result<json::object> parse_object(std::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) return limit_met(fmt::format("is longer than {} bytes", bytes_max));
  boost::system::error_code code;
  json::parse_options options;
  options.max_depth = 8;
  json::value value = json::parse({text.data(), text.size()}, code, {}, options);
  if (code) return invalid("is no JSON: " + code.message());
  if (!value.is_object()) return invalid("is no JSON object");
  return std::move(value.get_object());
}

}  // namespace sluice::gate
