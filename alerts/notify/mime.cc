#include "alerts/notify/mime.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "core/labels.h"

namespace sluice::alerts::notify {
namespace {

constexpr size_t kAddressBytesMax = 320;  // RFC 5321: 64 before the @, 255 after it
constexpr size_t kAddressesMax = 100;
constexpr size_t kEncodedWordMax = 75;
constexpr size_t kLineMax = 76;

bool is_printable(char c) {
  return c >= 0x20 && c < 0x7f;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_address(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size() || text.size() > kAddressBytesMax)
    return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '<' || c == '>' || c == ',' ||
           c == '"' || c == '\\';
  });
}

// The parts of a list between commas that are neither in quotes nor in angle brackets.
std::vector<std::string_view> split_list(std::string_view list) {
  std::vector<std::string_view> parts;
  bool quoted = false, in_angle = false;
  size_t begin = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (c == '\\' && quoted) {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '<' || c == '>')) {
      in_angle = c == '<';
    } else if (c == ',' && !quoted && !in_angle) {
      parts.push_back(list.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  parts.push_back(list.substr(begin));
  return parts;
}

// How many bytes the UTF-8 sequence that begins here has; 1 for a byte that begins none.
size_t sequence_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return std::min(n, text.size());
}

}  // namespace

Result<std::vector<std::string>> mail_addresses(std::string_view list) {
  std::vector<std::string> out;
  for (const std::string_view part : split_list(list)) {
    std::string_view address = trimmed(part);
    if (address.empty()) continue;
    if (address.back() == '>') {
      address.remove_suffix(1);
      const size_t open = address.rfind('<');
      address = open == std::string_view::npos ? "" : address.substr(open + 1);
    }
    if (!is_address(address) || out.size() >= kAddressesMax) {
      return invalid(fmt::format("{} is not a list of at most {} mail addresses", quote(list.substr(0, 200)),
                                 kAddressesMax));
    }
    out.emplace_back(address);
  }
  if (out.empty()) return invalid("no mail address");
  return out;
}

std::string header_value(std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return is_printable(c) || c == '\t'; });
  if (plain) return std::string(text);
  constexpr std::string_view kOpen = "=?utf-8?q?", kClose = "?=";
  std::string out(kOpen);
  size_t word = out.size();
  while (!text.empty()) {
    const std::string_view character = text.substr(0, sequence_bytes(text));
    text.remove_prefix(character.size());
    std::string encoded;
    for (const char c : character) {
      if (c == ' ') {
        encoded += '_';
      } else if (is_printable(c) && c != '=' && c != '?' && c != '_') {
        encoded += c;
      } else {
        fmt::format_to(std::back_inserter(encoded), "={:02X}", static_cast<unsigned char>(c));
      }
    }
    if (word + encoded.size() + kClose.size() > kEncodedWordMax) {
      // Blanks between encoded words are not part of the text.
      out += "?=\r\n ";
      out += kOpen;
      word = kOpen.size();
    }
    out += encoded;
    word += encoded.size();
  }
  out += kClose;
  return out;
}

std::string quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  size_t column = 0;
  const auto put = [&](std::string_view piece) {
    // A soft line break needs the last place of a line.
    if (column + piece.size() > kLineMax - 1) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool line_end = c == '\n' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n');
    if (line_end) {
      if (c == '\r') ++i;
      out += "\r\n";
      column = 0;
      continue;
    }
    const std::string_view rest = text.substr(i + 1);
    const bool last_of_line = rest.empty() || rest.front() == '\n' || rest.starts_with("\r\n");
    const bool as_it_is =
        c != '=' && (is_printable(c) || c == '\t') && !((c == ' ' || c == '\t') && last_of_line);
    put(as_it_is ? std::string(1, c) : fmt::format("={:02X}", static_cast<unsigned char>(c)));
  }
  return out;
}

std::string mail_date(Timestamp at) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  using namespace std::chrono;
  const sys_seconds second = floor<seconds>(sys_time<milliseconds>(milliseconds(to_unix_ms(at))));
  const sys_days day = floor<days>(second);
  const year_month_day date(day);
  const hh_mm_ss time(second - day);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000", kDays[weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

}  // namespace sluice::alerts::notify
