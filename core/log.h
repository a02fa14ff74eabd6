#pragma once
// Structured log records. Edges log; deciding code returns transitions instead. One line per change, none when nothing
// changes: a line is for the person who reads it at three in the morning.

#include <fmt/format.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace sluice {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
std::string_view to_string(LogLevel level);

struct LogField {
  std::string key;
  std::string value;
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  template <typename T>
    requires std::is_arithmetic_v<T>
  LogField(std::string_view k, T v) : key(k), value(fmt::format("{}", v)) {}
};

struct LogRecord {
  Timestamp at;
  LogLevel level = LogLevel::kInfo;
  std::string_view message;
  const std::vector<LogField>* fields = nullptr;
};

// `ts=... level=info msg="config loaded" file=sluice.yml`: values are quoted when they need it.
std::string format_logfmt(const LogRecord& record);
// {"ts":"...","level":"info","msg":"config loaded","file":"sluice.yml"}
std::string format_json(const LogRecord& record);

// Hands records to a sink; the sink adds the time and writes. Copyable, cheap; an empty one is silent.
class Log {
 public:
  using Sink = std::function<void(LogLevel, std::string_view message, const std::vector<LogField>& fields)>;
  Log() = default;
  explicit Log(Sink sink) : sink_(std::move(sink)) {}

  void debug(std::string_view m, std::vector<LogField> fields = {}) const { write(LogLevel::kDebug, m, fields); }
  void info(std::string_view m, std::vector<LogField> fields = {}) const { write(LogLevel::kInfo, m, fields); }
  void warn(std::string_view m, std::vector<LogField> fields = {}) const { write(LogLevel::kWarn, m, fields); }
  void error(std::string_view m, std::vector<LogField> fields = {}) const { write(LogLevel::kError, m, fields); }

 private:
  void write(LogLevel level, std::string_view message, const std::vector<LogField>& fields) const {
    if (sink_) sink_(level, message, fields);
  }
  Sink sink_;
};

}  // namespace sluice
