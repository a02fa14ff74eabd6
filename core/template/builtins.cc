#include "core/template/builtins.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/template/quote.h"

namespace sluice::gotmpl {
namespace {

using Args = std::span<const Value>;

// --- comparison ---

// What Go compares: a duration is an int there.
enum class Basic { kNone, kBool, kInt, kFloat, kString };

Basic basic(const Value& value) {
  switch (value.kind()) {
    case Kind::kBool:
      return Basic::kBool;
    case Kind::kInt:
    case Kind::kDuration:
      return Basic::kInt;
    case Kind::kFloat:
      return Basic::kFloat;
    case Kind::kString:
      return Basic::kString;
    default:
      return Basic::kNone;
  }
}

int64_t integer(const Value& value) {
  return value.kind() == Kind::kDuration ? value.as_duration().count() : value.as_int();
}

Error incompatible(const Value& a, const Value& b) {
  return invalid(fmt::format("incompatible types for comparison: {} and {}", a.type_name(), b.type_name()));
}

Result<bool> equal(const Value& a, const Value& b) {
  const Basic kind = basic(a);
  if (kind != basic(b)) {
    if (!a.is_nil() && !b.is_nil()) return incompatible(a, b);
    return false;
  }
  switch (kind) {
    case Basic::kBool:
      return a.as_bool() == b.as_bool();
    case Basic::kInt:
      return integer(a) == integer(b);
    case Basic::kFloat:
      return a.as_float() == b.as_float();
    case Basic::kString:
      return a.as_string() == b.as_string();
    case Basic::kNone:
      break;
  }
  if (a.is_nil() || b.is_nil()) return a.is_nil() == b.is_nil();
  if (a.kind() == Kind::kTime && b.kind() == Kind::kTime) return a.as_time() == b.as_time();
  return invalid(fmt::format("non-comparable type {}: {}", b.print(), b.type_name()));
}

Result<bool> less(const Value& a, const Value& b) {
  const Basic kind = basic(a);
  if (kind == Basic::kNone || basic(b) == Basic::kNone) return invalid("invalid type for comparison");
  if (kind != basic(b)) return incompatible(a, b);
  switch (kind) {
    case Basic::kInt:
      return integer(a) < integer(b);
    case Basic::kFloat:
      return a.as_float() < b.as_float();
    case Basic::kString:
      return a.as_string() < b.as_string();
    default:
      return invalid("invalid type for comparison");
  }
}

Result<bool> less_or_equal(const Value& a, const Value& b) {
  const Result<bool> smaller = less(a, b);
  if (!smaller || *smaller) return smaller;
  return equal(a, b);
}

Result<Value> answer(const Result<bool>& result, bool negate = false) {
  if (!result) return result.error();
  return Value(*result != negate);
}

Result<Value> eq(Args args) {
  if (args.size() < 2) return invalid("missing argument for comparison");
  for (const Value& other : args.subspan(1)) {
    const Result<bool> same = equal(args[0], other);
    if (!same) return same.error();
    if (*same) return Value(true);
  }
  return Value(false);
}

// --- index, slice, len ---

Result<size_t> index_of(const Value& index, size_t limit) {
  if (index.is_nil()) return invalid("cannot index slice/array with nil");
  if (basic(index) != Basic::kInt) {
    return invalid("cannot index slice/array with type " + index.type_name());
  }
  const int64_t number = integer(index);
  if (number < 0 || static_cast<uint64_t>(number) > limit) {
    return invalid(fmt::format("index out of range: {}", number));
  }
  return static_cast<size_t>(number);
}

Result<Value> element(const Value& item, const Value& index) {
  switch (item.kind()) {
    case Kind::kList: {
      const Result<size_t> at = index_of(index, item.as_list().size());
      if (!at) return at.error();
      if (*at == item.as_list().size()) return invalid("reflect: slice index out of range");
      return item.as_list()[*at];
    }
    case Kind::kString: {
      const Result<size_t> at = index_of(index, item.as_string().size());
      if (!at) return at.error();
      if (*at == item.as_string().size()) return invalid("reflect: string index out of range");
      return Value(static_cast<int64_t>(static_cast<unsigned char>(item.as_string()[*at])));
    }
    case Kind::kMap: {
      if (index.is_nil()) return invalid("value is nil; should be of type string");
      if (index.kind() != Kind::kString) {
        return invalid(fmt::format("value has type {}; should be string", index.type_name()));
      }
      const auto found = item.as_map().find(index.as_string());
      return found == item.as_map().end() ? item.zero_element() : found->second;
    }
    case Kind::kNil:
      return invalid("index of nil pointer");
    default:
      return invalid("can't index item of type " + item.type_name());
  }
}

Result<Value> index(Args args) {
  if (args[0].is_nil()) return invalid("index of untyped nil");
  Value item = args[0];
  for (const Value& index : args.subspan(1)) {
    Result<Value> inner = element(item, index);
    if (!inner) return inner;
    item = std::move(*inner);
  }
  return item;
}

Result<Value> slice(Args args) {
  const Value& item = args[0];
  if (item.is_nil()) return invalid("slice of untyped nil");
  if (args.size() > 4) return invalid(fmt::format("too many slice indexes: {}", args.size() - 1));
  if (item.kind() != Kind::kString && item.kind() != Kind::kList) {
    return invalid("can't slice item of type " + item.type_name());
  }
  const bool text = item.kind() == Kind::kString;
  if (text && args.size() == 4) return invalid("cannot 3-index slice a string");
  const size_t size = text ? item.as_string().size() : item.as_list().size();
  size_t bounds[3] = {0, size, size};
  for (size_t i = 1; i < args.size(); ++i) {
    const Result<size_t> bound = index_of(args[i], size);
    if (!bound) return bound.error();
    bounds[i - 1] = *bound;
  }
  for (size_t i = 1; i < (args.size() == 4 ? 3u : 2u); ++i) {
    if (bounds[i - 1] > bounds[i]) {
      return invalid(fmt::format("invalid slice index: {} > {}", bounds[i - 1], bounds[i]));
    }
  }
  if (text) return Value(item.as_string().substr(bounds[0], bounds[1] - bounds[0]));
  const List& list = item.as_list();
  return Value::list(
      List(list.begin() + static_cast<long>(bounds[0]), list.begin() + static_cast<long>(bounds[1])),
      item.type());
}

Result<Value> len(Args args) {
  const Value& item = args[0];
  switch (item.kind()) {
    case Kind::kString:
      return Value(static_cast<int64_t>(item.as_string().size()));
    case Kind::kList:
      return Value(static_cast<int64_t>(item.as_list().size()));
    case Kind::kMap:
      return Value(static_cast<int64_t>(item.as_map().size()));
    case Kind::kNil:
      return invalid("len of nil pointer");
    default:
      return invalid("len of type " + item.type_name());
  }
}

Result<Value> call(Args args) {
  if (args[0].is_nil()) return invalid("call of nil");
  if (args[0].kind() != Kind::kFunction) return invalid("non-function of type " + args[0].type_name());
  const Function& function = args[0].as_function();
  const Args rest = args.subspan(1);
  const size_t want = function.params.size() - (function.variadic ? 1 : 0);
  if (function.variadic ? rest.size() < want : rest.size() != want) {
    return invalid(fmt::format("wrong number of args: got {} want {}{}", rest.size(),
                               function.variadic ? "at least " : "", want));
  }
  for (size_t i = 0; i < rest.size(); ++i) {
    const Kind kind = function.params[std::min(i, function.params.size() - 1)];
    if (kind != Kind::kAny && rest[i].kind() != kind) {
      return invalid(
          fmt::format("arg {}: value has type {}; should be {}", i, rest[i].type_name(), kind_name(kind)));
    }
  }
  return function.call(rest);
}

// --- text ---

// Go's evalArgs: as printing prints them.
std::string printed(Args args) {
  return args.size() == 1 ? args[0].print() : sprint(args);
}

std::string println(Args args) {
  std::string out;
  for (size_t i = 0; i < args.size(); ++i) out += (i > 0 ? " " : "") + sprint(args.subspan(i, 1));
  return out + "\n";
}

std::string js_escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    const char c = text[0];
    if (c == '\\' || c == '\'' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '<' || c == '>' || c == '&' || c == '=' || (rune.value < 0x20)) {
      out += fmt::format("\\u00{:02X}", static_cast<unsigned char>(c));
    } else if (rune.value < 0x80 || is_printable(rune.value)) {
      out += text.substr(0, rune.bytes);
    } else {
      out += fmt::format("\\u{:04X}", static_cast<uint32_t>(rune.value));
    }
    text.remove_prefix(rune.bytes);
  }
  return out;
}

std::string query_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Function one(Result<Value> (*call)(Args)) {
  return {{Kind::kAny}, false, call};
}
Function two(Result<Value> (*call)(Args)) {
  return {{Kind::kAny, Kind::kAny}, false, call};
}
Function any_number(Result<Value> (*call)(Args)) {
  return {{Kind::kAny}, true, call};
}
Function one_and_more(Result<Value> (*call)(Args)) {
  return {{Kind::kAny, Kind::kAny}, true, call};
}

// --- methods ---

Duration rounded(Duration d, Duration unit, bool to_nearest) {
  if (unit <= Duration::zero()) return d;
  const Duration rest = d % unit;
  const Duration down = d - rest;
  if (!to_nearest || std::abs(rest.count()) < unit.count() - std::abs(rest.count())) return down;
  return d < Duration::zero() ? down - unit : down + unit;
}

using MethodCall = Result<Value> (*)(const Value&, Args);
Method method(std::string_view name, MethodCall call, std::vector<Kind> params = {}) {
  return {name, std::move(params), call};
}

Time moved(const Time& time, Duration by) {
  return {time.at + to_ms(by), time.offset_seconds, time.zone};
}
Value time_part(const Value& self, std::string_view layout) {
  return Value(format_time(self.as_time(), layout));
}
Value time_number(const Value& self, std::string_view layout) {
  return Value(static_cast<int64_t>(std::stoi(format_time(self.as_time(), layout))));
}

const std::vector<Method>& time_methods() {
  using V = const Value&;
  static const std::vector<Method> kMethods = {
      method("Format", [](V self, Args a) -> Result<Value> { return time_part(self, a[0].as_string()); },
             {Kind::kString}),
      method("String",
             [](V self, Args) -> Result<Value> {
               return time_part(self, "2006-01-02 15:04:05.999999999 -0700 MST");
             }),
      method("UTC", [](V self, Args) -> Result<Value> { return Value(self.as_time().at); }),
      method("Local", [](V self, Args) -> Result<Value> { return Value(self.as_time().at); }),
      method("Unix",
             [](V self, Args) -> Result<Value> {
               return Value(static_cast<int64_t>(
                   std::chrono::floor<std::chrono::seconds>(self.as_time().at.time_since_epoch()).count()));
             }),
      method("UnixMilli", [](V self, Args) -> Result<Value> { return Value(to_unix_ms(self.as_time().at)); }),
      method("UnixNano",
             [](V self, Args) -> Result<Value> { return Value(to_unix_ms(self.as_time().at) * 1'000'000); }),
      method("Add",
             [](V self, Args a) -> Result<Value> { return Value(moved(self.as_time(), a[0].as_duration())); },
             {Kind::kDuration}),
      method("Sub",
             [](V self, Args a) -> Result<Value> {
               return Value(Duration(self.as_time().at - a[0].as_time().at));
             },
             {Kind::kTime}),
      method("Before",
             [](V self, Args a) -> Result<Value> { return Value(self.as_time().at < a[0].as_time().at); },
             {Kind::kTime}),
      method("After",
             [](V self, Args a) -> Result<Value> { return Value(self.as_time().at > a[0].as_time().at); },
             {Kind::kTime}),
      method("Equal",
             [](V self, Args a) -> Result<Value> { return Value(self.as_time().at == a[0].as_time().at); },
             {Kind::kTime}),
      // Go's zero time is the first second of the year 1.
      method("IsZero",
             [](V self, Args) -> Result<Value> {
               return Value(to_unix_ms(self.as_time().at) == -62135596800000);
             }),
      method("Year", [](V self, Args) -> Result<Value> { return time_number(self, "2006"); }),
      method("Month", [](V self, Args) -> Result<Value> { return time_part(self, "January"); }),
      method("Weekday", [](V self, Args) -> Result<Value> { return time_part(self, "Monday"); }),
      method("Day", [](V self, Args) -> Result<Value> { return time_number(self, "2"); }),
      method("YearDay", [](V self, Args) -> Result<Value> { return time_number(self, "002"); }),
      method("Hour", [](V self, Args) -> Result<Value> { return time_number(self, "15"); }),
      method("Minute", [](V self, Args) -> Result<Value> { return time_number(self, "4"); }),
      method("Second", [](V self, Args) -> Result<Value> { return time_number(self, "5"); }),
      method("Truncate",
             [](V self, Args a) -> Result<Value> {
               const Duration since_year_1 = self.as_time().at.time_since_epoch();
               return Value(
                   moved(self.as_time(), rounded(since_year_1, a[0].as_duration(), false) - since_year_1));
             },
             {Kind::kDuration}),
  };
  return kMethods;
}

const std::vector<Method>& duration_methods() {
  using V = const Value&;
  static const std::vector<Method> kMethods = {
      method("String",
             [](V self, Args) -> Result<Value> { return Value(format_go_duration(self.as_duration())); }),
      method("Hours",
             [](V self, Args) -> Result<Value> { return Value(to_seconds(self.as_duration()) / 3600); }),
      method("Minutes",
             [](V self, Args) -> Result<Value> { return Value(to_seconds(self.as_duration()) / 60); }),
      method("Seconds", [](V self, Args) -> Result<Value> { return Value(to_seconds(self.as_duration())); }),
      method("Milliseconds",
             [](V self, Args) -> Result<Value> {
               return Value(int64_t{self.as_duration().count() / 1'000'000});
             }),
      method(
          "Microseconds",
          [](V self, Args) -> Result<Value> { return Value(int64_t{self.as_duration().count() / 1'000}); }),
      method("Nanoseconds",
             [](V self, Args) -> Result<Value> { return Value(int64_t{self.as_duration().count()}); }),
      method("Abs",
             [](V self, Args) -> Result<Value> { return Value(std::chrono::abs(self.as_duration())); }),
      method("Round",
             [](V self, Args a) -> Result<Value> {
               return Value(rounded(self.as_duration(), a[0].as_duration(), true));
             },
             {Kind::kDuration}),
      method("Truncate",
             [](V self, Args a) -> Result<Value> {
               return Value(rounded(self.as_duration(), a[0].as_duration(), false));
             },
             {Kind::kDuration}),
  };
  return kMethods;
}

}  // namespace

const Functions& builtins() {
  static const Functions kBuiltins = {
      {"and", one_and_more([](Args) -> Result<Value> { return Value(); })},
      {"or", one_and_more([](Args) -> Result<Value> { return Value(); })},
      {"not", one([](Args a) -> Result<Value> { return Value(!a[0].truth()); })},
      {"eq", one_and_more(eq)},
      {"ne", two([](Args a) { return answer(equal(a[0], a[1]), true); })},
      {"lt", two([](Args a) { return answer(less(a[0], a[1])); })},
      {"le", two([](Args a) { return answer(less_or_equal(a[0], a[1])); })},
      {"gt", two([](Args a) { return answer(less_or_equal(a[0], a[1]), true); })},
      {"ge", two([](Args a) { return answer(less(a[0], a[1]), true); })},
      {"index", one_and_more(index)},
      {"slice", one_and_more(slice)},
      {"len", one(len)},
      {"call", one_and_more(call)},
      {"print", any_number([](Args a) -> Result<Value> { return Value(sprint(a)); })},
      {"println", any_number([](Args a) -> Result<Value> { return Value(println(a)); })},
      {"printf",
       {{Kind::kString, Kind::kAny},
        true,
        [](Args a) -> Result<Value> { return Value(sprintf(a[0].as_string(), a.subspan(1))); }}},
      {"html", any_number([](Args a) -> Result<Value> { return Value(html_escaped(printed(a))); })},
      {"js", any_number([](Args a) -> Result<Value> { return Value(js_escaped(printed(a))); })},
      {"urlquery", any_number([](Args a) -> Result<Value> { return Value(query_escaped(printed(a))); })},
  };
  return kBuiltins;
}

const Method* builtin_method(Kind kind, std::string_view name) {
  if (kind != Kind::kTime && kind != Kind::kDuration) return nullptr;
  for (const Method& candidate : kind == Kind::kTime ? time_methods() : duration_methods()) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

}  // namespace sluice::gotmpl
