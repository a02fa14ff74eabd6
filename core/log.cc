#include "core/log.h"

#include <algorithm>

#include "core/labels.h"

namespace sluice {
namespace {

// What a peer sends may be any bytes; a line that is not UTF-8 is not JSON either.
std::string with_valid_utf8(std::string_view text) {
  if (is_valid_utf8(text)) return std::string(text);
  std::string valid;
  while (!text.empty()) {
    size_t bytes = 1;
    while (bytes <= 4 && bytes <= text.size() && !is_valid_utf8(text.substr(0, bytes))) ++bytes;
    if (bytes > 4 || bytes > text.size()) {
      valid += "\xef\xbf\xbd";
      bytes = 1;
    } else {
      valid += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return valid;
}

const std::vector<LogField>& fields_of(const LogRecord& record) {
  static const std::vector<LogField> kNone;
  return record.fields == nullptr ? kNone : *record.fields;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : with_valid_utf8(text)) {
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
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
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

void append_logfmt_value(std::string& out, std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '"' && c != '=' && c != '\\';
  });
  if (plain) {
    out += text;
  } else {
    append_json_string(out, text);
  }
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "?";
}

std::string format_logfmt(const LogRecord& record) {
  std::string out = fmt::format("ts={} level={} msg=", format_rfc3339(record.at), to_string(record.level));
  append_logfmt_value(out, record.message);
  for (const LogField& field : fields_of(record)) {
    out += ' ';
    out += field.key;
    out += '=';
    append_logfmt_value(out, field.value);
  }
  return out;
}

std::string format_json(const LogRecord& record) {
  std::string out =
      fmt::format(R"({{"ts":"{}","level":"{}","msg":)", format_rfc3339(record.at), to_string(record.level));
  append_json_string(out, record.message);
  for (const LogField& field : fields_of(record)) {
    out += ',';
    append_json_string(out, field.key);
    out += ':';
    append_json_string(out, field.value);
  }
  return out + "}";
}

}  // namespace sluice
