// Go's fmt.Sprintf and fmt.Sprint over template values.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/number.h"
#include "core/template/quote.h"
#include "core/template/template.h"

namespace sluice::gotmpl {
namespace {

// Templates come from people: a width is a layout, not a way to fill the memory.
constexpr int kWidthMax = 10'000;
constexpr int kDepthMax = 64;

struct Spec {
  bool minus = false, plus = false, sharp = false, space = false, zero = false;
  bool names = false, syntax = false;  // %+v and %#v
  int width = -1;
  int precision = -1;
};

class Printer {
 public:
  explicit Printer(std::string& out) : out_(out) {}

  void value(const Value& value, char32_t verb, const Spec& spec, int depth = 0);

 private:
  void pad(std::string_view text, const Spec& spec);
  // `digits` behind `sign` ("", "-", "+" or " ", and a prefix such as 0x), filled with zeros between when
  // asked for.
  void pad_number(std::string sign, std::string_view digits, const Spec& spec);
  void bad_verb(const Value& value, char32_t verb);
  void boolean(const Value& value, char32_t verb, const Spec& spec);
  void integer(const Value& value, int64_t number, char32_t verb, const Spec& spec);
  void floating(const Value& value, char32_t verb, const Spec& spec);
  void text(const Value& value, std::string_view text, char32_t verb, const Spec& spec);
  void composite(const Value& value, char32_t verb, const Spec& spec, int depth);
  void go_syntax(const Value& value, int depth);

  std::string& out_;
};

std::string verb_text(char32_t verb) {
  std::string text;
  append_utf8(text, verb);
  return text;
}

// The text of a type's String method, when it has one, as Go's fmt prefers it.
std::optional<std::string> stringer(const Value& value) {
  if (value.kind() == Kind::kTime)
    return format_time(value.as_time(), "2006-01-02 15:04:05.999999999 -0700 MST");
  if (value.kind() == Kind::kDuration) return format_go_duration(value.as_duration());
  const Type* type = value.type();
  const Method* method = type == nullptr ? nullptr : type->find("String");
  if (method == nullptr || !method->params.empty()) return std::nullopt;
  const Result<Value> result = method->call(value, {});
  if (!result || result->kind() != Kind::kString) return std::nullopt;
  return result->as_string();
}

bool takes_text(char32_t verb) {
  return verb == 'v' || verb == 's' || verb == 'q' || verb == 'x' || verb == 'X';
}

void Printer::pad(std::string_view text, const Spec& spec) {
  const size_t runes = spec.width <= 0 ? 0 : rune_count(text);
  const size_t width = spec.width <= 0 ? 0 : static_cast<size_t>(spec.width);
  const size_t fill = width > runes ? width - runes : 0;
  if (!spec.minus) out_.append(fill, spec.zero ? '0' : ' ');
  out_ += text;
  if (spec.minus) out_.append(fill, ' ');
}

void Printer::pad_number(std::string sign, std::string_view digits, const Spec& spec) {
  const size_t size = sign.size() + digits.size();
  if (spec.zero && !spec.minus && spec.width > 0 && static_cast<size_t>(spec.width) > size) {
    sign.append(static_cast<size_t>(spec.width) - size, '0');
  }
  Spec plain = spec;
  plain.zero = false;
  pad(sign + std::string(digits), plain);
}

void Printer::bad_verb(const Value& bad, char32_t verb) {
  out_ += "%!" + verb_text(verb) + "(";
  if (bad.is_nil()) {
    out_ += "<nil>";
  } else {
    out_ += bad.type_name() + "=";
    value(bad, 'v', {}, 1);
  }
  out_ += ')';
}

void Printer::boolean(const Value& flag, char32_t verb, const Spec& spec) {
  if (verb != 't' && verb != 'v') return bad_verb(flag, verb);
  pad(flag.as_bool() ? "true" : "false", spec);
}

void Printer::integer(const Value& original, int64_t number, char32_t verb, const Spec& spec) {
  std::string sign = number < 0 ? "-" : spec.plus ? "+" : spec.space ? " " : "";
  const uint64_t magnitude = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  const char32_t rune = number < 0 || number > 0x10ffff ? 0xfffd : static_cast<char32_t>(number);
  std::string digits, prefix;
  switch (verb) {
    case 'v':
    case 'd':
      digits = fmt::format("{}", magnitude);
      break;
    case 'b':
      digits = fmt::format("{:b}", magnitude), prefix = spec.sharp ? "0b" : "";
      break;
    case 'o':
      digits = fmt::format("{:o}", magnitude), prefix = spec.sharp ? "0" : "";
      break;
    case 'O':
      digits = fmt::format("{:o}", magnitude), prefix = "0o";
      break;
    case 'x':
      digits = fmt::format("{:x}", magnitude), prefix = spec.sharp ? "0x" : "";
      break;
    case 'X':
      digits = fmt::format("{:X}", magnitude), prefix = spec.sharp ? "0X" : "";
      break;
    case 'c':
      return pad(verb_text(rune), spec);
    case 'q':
      return pad(quote_rune(rune, spec.plus), spec);
    case 'U': {
      std::string text = fmt::format("U+{:04X}", magnitude);
      if (spec.sharp && is_printable(rune)) text += " '" + verb_text(rune) + "'";
      return pad(text, spec);
    }
    default:
      return bad_verb(original, verb);
  }
  Spec rest = spec;
  if (spec.precision >= 0) {
    rest.zero = false;  // with a precision the zeros are the precision's
    if (spec.precision == 0 && number == 0) digits.clear();
    if (digits.size() < static_cast<size_t>(spec.precision)) {
      digits.insert(0, static_cast<size_t>(spec.precision) - digits.size(), '0');
    }
  }
  pad_number(sign + prefix, digits, rest);
}

// C's hexadecimal layout with Go's exponent of two digits at least.
std::string hexadecimal_float(double magnitude, int precision, bool upper) {
  std::string text =
      precision < 0 ? fmt::format("{:a}", magnitude) : fmt::format("{:.{}a}", magnitude, precision);
  const size_t exponent = text.find('p') + 2;
  if (text.size() - exponent < 2) text.insert(exponent, "0");
  if (upper)
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string float_digits(double magnitude, char32_t verb, const Spec& spec) {
  if (verb == 'x' || verb == 'X') return hexadecimal_float(magnitude, spec.precision, verb == 'X');
  const bool shortest = spec.precision < 0 && (verb == 'v' || verb == 'g' || verb == 'G');
  if (shortest && !spec.sharp) {
    std::string text = format_float_g(magnitude);
    if (verb == 'G') std::replace(text.begin(), text.end(), 'e', 'E');
    return text;
  }
  const char conversion = verb == 'v' ? 'g' : verb == 'F' ? 'f' : static_cast<char>(verb);
  const std::string format = fmt::format("%{}.*{}", spec.sharp ? "#" : "", conversion);
  const int precision = std::min(spec.precision < 0 ? 6 : spec.precision, kWidthMax);
  std::string text(static_cast<size_t>(std::snprintf(nullptr, 0, format.c_str(), precision, magnitude)) + 1,
                   '\0');
  text.resize(
      static_cast<size_t>(std::snprintf(text.data(), text.size(), format.c_str(), precision, magnitude)));
  return text;
}

void Printer::floating(const Value& original, char32_t verb, const Spec& spec) {
  if (verb > 0x7f || std::string_view("vgGeEfFxX").find(static_cast<char>(verb)) == std::string_view::npos) {
    return bad_verb(original, verb);
  }
  const double number = original.as_float();
  Spec rest = spec;
  if (!std::isfinite(number)) {
    rest.zero = false;
    if (std::isnan(number)) return pad(spec.plus ? "+NaN" : spec.space ? " NaN" : "NaN", rest);
    return pad(number < 0 ? "-Inf" : spec.space && !spec.plus ? " Inf" : "+Inf", rest);
  }
  const std::string sign = std::signbit(number) ? "-" : spec.plus ? "+" : spec.space ? " " : "";
  pad_number(sign, float_digits(std::abs(number), verb, spec), rest);
}

std::string_view first_runes(std::string_view text, int runes) {
  size_t end = 0;
  for (; runes > 0 && end < text.size(); --runes) end += decode_rune(text.substr(end)).bytes;
  return text.substr(0, end);
}

void Printer::text(const Value& original, std::string_view content, char32_t verb, const Spec& spec) {
  switch (verb) {
    case 'v':
    case 's':
      return pad(spec.precision < 0 ? content : first_runes(content, spec.precision), spec);
    case 'q': {
      if (spec.precision >= 0) content = first_runes(content, spec.precision);
      const bool raw = spec.sharp && content.find_first_of("`\n\r\x7f") == std::string_view::npos;
      return pad(raw ? "`" + std::string(content) + "`" : quote(content, spec.plus), spec);
    }
    case 'x':
    case 'X': {
      if (spec.precision >= 0) content = content.substr(0, static_cast<size_t>(spec.precision));
      std::string digits = spec.sharp && !spec.space && !content.empty() ? (verb == 'x' ? "0x" : "0X") : "";
      for (size_t i = 0; i < content.size(); ++i) {
        if (spec.space && i > 0) digits += ' ';
        if (spec.space && spec.sharp) digits += verb == 'x' ? "0x" : "0X";
        const auto byte = static_cast<unsigned char>(content[i]);
        digits += verb == 'x' ? fmt::format("{:02x}", byte) : fmt::format("{:02X}", byte);
      }
      return pad(digits, spec);
    }
    default:
      bad_verb(original, verb);
  }
}

void Printer::composite(const Value& whole, char32_t verb, const Spec& spec, int depth) {
  if (depth > kDepthMax) {
    out_ += "...";
    return;
  }
  bool first = true;
  const auto separate = [&] {
    if (!first) out_ += ' ';
    first = false;
  };
  if (whole.kind() == Kind::kList) {
    out_ += '[';
    for (const Value& item : whole.as_list()) {
      separate();
      value(item, verb, spec, depth + 1);
    }
    out_ += ']';
  } else if (whole.kind() == Kind::kMap) {
    out_ += "map[";
    for (const auto& [key, item] : whole.as_map()) {
      separate();
      value(Value(key), verb, spec, depth + 1);
      out_ += ':';
      value(item, verb, spec, depth + 1);
    }
    out_ += ']';
  } else {
    out_ += '{';
    for (const auto& [name, item] : whole.as_fields()) {
      separate();
      if (spec.names) out_ += name + ":";
      value(item, verb, spec, depth + 1);
    }
    out_ += '}';
  }
}

// %#v
void Printer::go_syntax(const Value& shown, int depth) {
  if (depth > kDepthMax) {
    out_ += "...";
    return;
  }
  const auto items = [&](auto&& each, const auto& content) {
    out_ += shown.type_name() + "{";
    bool first = true;
    for (const auto& item : content) {
      if (!first) out_ += ", ";
      first = false;
      each(item);
    }
    out_ += '}';
  };
  switch (shown.kind()) {
    case Kind::kNil:
      out_ += "<nil>";
      return;
    case Kind::kString:
      out_ += quote(shown.as_string());
      return;
    case Kind::kDuration:
      out_ += fmt::format("{}", shown.as_duration().count());
      return;
    case Kind::kList:
      return items([&](const Value& item) { go_syntax(item, depth + 1); }, shown.as_list());
    case Kind::kMap:
      return items(
          [&](const auto& entry) {
            out_ += quote(entry.first) + ":";
            go_syntax(entry.second, depth + 1);
          },
          shown.as_map());
    case Kind::kObject:
      return items(
          [&](const auto& entry) {
            out_ += entry.first + ":";
            go_syntax(entry.second, depth + 1);
          },
          shown.as_fields());
    default:
      return value(shown, 'v', {}, depth);
  }
}

void Printer::value(const Value& shown, char32_t verb, const Spec& spec, int depth) {
  if (verb == 'T') return pad(shown.type_name(), spec);
  if (spec.syntax) return go_syntax(shown, depth);
  if (shown.is_nil()) {
    if (verb == 'v') return pad("<nil>", spec);
    return bad_verb(shown, verb);
  }
  if (takes_text(verb)) {
    if (const std::optional<std::string> own = stringer(shown)) return text(shown, *own, verb, spec);
  }
  switch (shown.kind()) {
    case Kind::kBool:
      return boolean(shown, verb, spec);
    case Kind::kInt:
      return integer(shown, shown.as_int(), verb, spec);
    case Kind::kDuration:
      return integer(shown, shown.as_duration().count(), verb, spec);
    case Kind::kFloat:
      return floating(shown, verb, spec);
    case Kind::kString:
      return text(shown, shown.as_string(), verb, spec);
    case Kind::kList:
    case Kind::kMap:
    case Kind::kObject:
      return composite(shown, verb, spec, depth);
    default:
      break;
  }
  if (shown.kind() == Kind::kFunction && verb == 'v') return pad("func", spec);
  bad_verb(shown, verb);
}

// One walk over a format string.
class Formatter {
 public:
  Formatter(std::string_view format, std::span<const Value> args, std::string& out)
      : rest_(format), args_(args), out_(out) {}

  void run() {
    while (!rest_.empty()) {
      const size_t percent = std::min(rest_.find('%'), rest_.size());
      out_ += rest_.substr(0, percent);
      rest_.remove_prefix(percent);
      if (!rest_.empty()) directive();
    }
    if (!reordered_ && next_ < args_.size()) extra();
  }

 private:
  bool at(char c) const { return !rest_.empty() && rest_[0] == c; }

  void flags(Spec& spec) {
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      switch (rest_[0]) {
        case '#':
          spec.sharp = true;
          break;
        case '0':
          spec.zero = true;
          break;
        case '+':
          spec.plus = true;
          break;
        case '-':
          spec.minus = true;
          break;
        case ' ':
          spec.space = true;
          break;
        default:
          return;
      }
    }
  }

  // "[2]": the argument to take next, counted from 1.
  void argument_index() {
    if (!at('[')) return;
    reordered_ = true;
    const size_t close = rest_.find(']');
    const std::string_view digits = close == std::string_view::npos ? "" : rest_.substr(1, close - 1);
    size_t index = 0;
    for (const char c : digits)
      index = c >= '0' && c <= '9' && index < args_.size() + 1 ? index * 10 + static_cast<size_t>(c - '0')
                                                               : args_.size() + 1;
    rest_.remove_prefix(close == std::string_view::npos ? 1 : close + 1);
    good_index_ = index >= 1 && index <= args_.size();
    if (good_index_) next_ = index - 1;
  }

  // A number or `*`; -1 when there is none, and `bad` when `*` found no usable argument.
  int number(bool& bad) {
    bad = false;
    argument_index();
    if (at('*')) {
      rest_.remove_prefix(1);
      if (next_ >= args_.size() || args_[next_].kind() != Kind::kInt ||
          std::abs(args_[next_].as_int()) > kWidthMax) {
        bad = true;
        ++next_;
        return -1;
      }
      return static_cast<int>(args_[next_++].as_int());
    }
    int value = -1;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1)) {
      value = std::min((value < 0 ? 0 : value) * 10 + (rest_[0] - '0'), kWidthMax);
    }
    return value;
  }

  void directive() {
    rest_.remove_prefix(1);
    good_index_ = true;
    Spec spec;
    flags(spec);
    bool bad = false;
    spec.width = number(bad);
    if (bad) out_ += "%!(BADWIDTH)";
    if (spec.width < -1) {
      spec.minus = true;
      spec.width = -spec.width;
    }
    if (at('.')) {
      rest_.remove_prefix(1);
      spec.precision = number(bad);
      if (bad || spec.precision < -1) {
        out_ += "%!(BADPREC)";
        spec.precision = -1;
      } else if (spec.precision < 0) {
        spec.precision = 0;
      }
    }
    argument_index();
    if (spec.minus) spec.zero = false;
    if (rest_.empty()) {
      out_ += "%!(NOVERB)";
      return;
    }
    const Rune verb = decode_rune(rest_);
    rest_.remove_prefix(verb.bytes);
    if (verb.value == '%') {
      out_ += '%';
    } else if (!good_index_) {
      out_ += "%!" + verb_text(verb.value) + "(BADINDEX)";
    } else if (next_ >= args_.size()) {
      out_ += "%!" + verb_text(verb.value) + "(MISSING)";
    } else {
      if (verb.value == 'v') {
        spec.names = std::exchange(spec.plus, false);
        spec.syntax = std::exchange(spec.sharp, false);
      }
      Printer(out_).value(args_[next_++], verb.value, spec);
    }
  }

  void extra() {
    out_ += "%!(EXTRA ";
    for (size_t i = next_; i < args_.size(); ++i) {
      if (i > next_) out_ += ", ";
      if (args_[i].is_nil()) {
        out_ += "<nil>";
      } else {
        out_ += args_[i].type_name() + "=";
        Printer(out_).value(args_[i], 'v', {});
      }
    }
    out_ += ')';
  }

  std::string_view rest_;
  std::span<const Value> args_;
  std::string& out_;
  size_t next_ = 0;
  bool reordered_ = false;
  bool good_index_ = true;
};

}  // namespace

std::string sprintf(std::string_view format, std::span<const Value> args) {
  std::string out;
  Formatter(format, args, out).run();
  return out;
}

std::string sprint(std::span<const Value> args) {
  std::string out;
  for (size_t i = 0; i < args.size(); ++i) {
    const bool between = i > 0 && args[i].kind() != Kind::kString && args[i - 1].kind() != Kind::kString;
    if (between) out += ' ';
    Printer(out).value(args[i], 'v', {});
  }
  return out;
}

}  // namespace sluice::gotmpl
