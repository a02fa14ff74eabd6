#pragma once
// JSON as the gate writes and reads it: flat objects, instants as Unix seconds with milliseconds. Written by
// hand so that the same content is always the same text, and times read as times ("1767225600.25") instead of
// "1.76722560025E9".

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/result.h"
#include "core/time.h"

namespace sluice::gate {

std::string json_quote(std::string_view text);
std::string json_seconds(Timestamp at);

class JsonObject {
 public:
  void text(std::string_view key, std::string_view value) { raw(key, json_quote(value)); }
  void time(std::string_view key, Timestamp value) { raw(key, json_seconds(value)); }
  void flag(std::string_view key, bool value) { raw(key, value ? "true" : "false"); }
  template <typename T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  void number(std::string_view key, T value) {
    raw(key, std::to_string(value));
  }
  void raw(std::string_view key, std::string_view json);
  std::string done();

 private:
  std::string out_ = "{";
};

// Reads members of a parsed object; the first that is missing or of another type makes `error`, and the rest
// is skipped.
class JsonReader {
 public:
  explicit JsonReader(const boost::json::object& object) : object_(object) {}
  void text(std::string_view key, std::string& out, size_t bytes_max = 4096);
  void time(std::string_view key, Timestamp& out);
  void flag(std::string_view key, bool& out);
  void number(std::string_view key, int& out, int low, int high);
  void number(std::string_view key, uint64_t& out);
  void fail(std::string_view key, std::string_view what);
  const std::string& error() const { return error_; }

 private:
  const boost::json::value* find(std::string_view key);

  const boost::json::object& object_;
  std::string error_;
};

// A JSON object of at most `bytes_max` bytes, nested at most eight deep.
Result<boost::json::object> parse_object(std::string_view text, size_t bytes_max);

}  // namespace sluice::gate
