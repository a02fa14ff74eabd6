// The functions of Prometheus's alert templates (its template reference), bound to one evaluation.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/number.h"
#include "rules/expand.h"

namespace sluice::rules {

namespace {

using gotmpl::Function;
using gotmpl::Kind;
using gotmpl::Value;
using Args = std::span<const Value>;
using Answer = Result<Value>;

const gotmpl::Type kSampleType{"*template.sample", {}, Kind::kAny};
const gotmpl::Type kQueryResultType{"template.queryResult", {}, Kind::kAny};
const gotmpl::Type kArgsType{"map[string]interface {}", {}, Kind::kAny};

// --- numbers ---

Result<double> to_float(const Value& value) {
  switch (value.kind()) {
    case Kind::kFloat:
      return value.as_float();
    case Kind::kInt:
      return static_cast<double>(value.as_int());
    case Kind::kDuration:
      return to_seconds(value.as_duration());
    case Kind::kString:
      if (const std::optional<double> number = parse_float(value.as_string())) return *number;
      return invalid(fmt::format("strconv.ParseFloat: parsing {}: invalid syntax", quote(value.as_string())));
    default:
      return invalid(fmt::format("can't convert {} to float", value.type_name()));
  }
}

// Go's %.4g.
std::string four_digits(double v) {
  if (!std::isfinite(v)) return format_float(v);
  return fmt::format("{:.4g}", v);
}

std::string humanize(double v) {
  if (v == 0 || !std::isfinite(v)) return four_digits(v);
  std::string_view prefix;
  if (std::abs(v) >= 1) {
    for (const std::string_view p : {"k", "M", "G", "T", "P", "E", "Z", "Y"}) {
      if (std::abs(v) < 1000) break;
      prefix = p;
      v /= 1000;
    }
  } else {
    for (const std::string_view p : {"m", "u", "n", "p", "f", "a", "z", "y"}) {
      if (std::abs(v) >= 1) break;
      prefix = p;
      v *= 1000;
    }
  }
  return four_digits(v) + std::string(prefix);
}

std::string humanize_1024(double v) {
  if (std::abs(v) <= 1 || !std::isfinite(v)) return four_digits(v);
  std::string_view prefix;
  for (const std::string_view p : {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"}) {
    if (std::abs(v) < 1024) break;
    prefix = p;
    v /= 1024;
  }
  return four_digits(v) + std::string(prefix);
}

std::string humanize_duration(double v) {
  if (!std::isfinite(v)) return four_digits(v);
  if (v == 0) return "0s";
  if (std::abs(v) < 1) return humanize(v) + "s";
  const std::string_view sign = v < 0 ? "-" : "";
  // Beyond this a double no longer counts single seconds, and int64 is not far.
  const auto total = static_cast<int64_t>(std::min(std::abs(v), 9e15));
  const int64_t seconds = total % 60, minutes = total / 60 % 60, hours = total / 3600 % 24,
                days = total / 86400;
  if (days != 0) return fmt::format("{}{}d {}h {}m {}s", sign, days, hours, minutes, seconds);
  if (hours != 0) return fmt::format("{}{}h {}m {}s", sign, hours, minutes, seconds);
  if (minutes != 0) return fmt::format("{}{}m {}s", sign, minutes, seconds);
  return fmt::format("{}{}s", sign, four_digits(std::abs(v)));
}

Result<gotmpl::Time> to_time(double seconds) {
  const double nanoseconds = seconds * 1e9;
  // NaN fails both comparisons, and has no place on a calendar either.
  if (!(nanoseconds < 9.2233720368547758e18 && nanoseconds > -9.2233720368547758e18)) {
    return invalid(fmt::format("{} cannot be represented as a nanoseconds timestamp since it overflows int64",
                               Value(seconds).print()));
  }
  return gotmpl::Time{from_unix_ms(static_cast<int64_t>(nanoseconds) / 1'000'000)};
}

// --- strings ---

// Upper and lower case of the letters that names and places are written with: Latin, Greek, Cyrillic.
uint32_t swap_case(uint32_t c, bool upper) {
  const auto shift = [&](uint32_t first_upper, uint32_t last_upper,
                         uint32_t distance) -> std::optional<uint32_t> {
    if (upper && c >= first_upper + distance && c <= last_upper + distance) return c - distance;
    if (!upper && c >= first_upper && c <= last_upper) return c + distance;
    return std::nullopt;
  };
  if (const auto ascii = shift('A', 'Z', 32)) return *ascii;
  if (c < 0x80) return c;
  if (c == 0xd7 || c == 0xf7 || c == 0x3c2) return c;  // multiplication, division, final sigma
  if (const auto latin1 = shift(0xc0, 0xde, 32)) return *latin1;
  if (const auto greek = shift(0x391, 0x3a9, 32)) return *greek;
  if (const auto cyrillic = shift(0x410, 0x42f, 32)) return *cyrillic;
  if (const auto cyrillic_more = shift(0x400, 0x40f, 80)) return *cyrillic_more;
  const bool even_is_upper =
      (c >= 0x100 && c <= 0x12f) || (c >= 0x132 && c <= 0x137) || (c >= 0x14a && c <= 0x177);
  const bool odd_is_upper = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
  if (even_is_upper) return upper ? c & ~1U : c | 1U;
  if (odd_is_upper) return upper ? ((c & 1U) == 0 ? c - 1 : c) : ((c & 1U) == 1 ? c + 1 : c);
  return c;
}

// Calls `map` with each code point of two bytes or fewer and the one before it; longer sequences and stray
// bytes are copied.
template <typename Map>
std::string map_runes(std::string_view text, Map&& map) {
  std::string out;
  out.reserve(text.size());
  uint32_t previous = ' ';
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    uint32_t code = lead;
    const bool two_bytes = (lead & 0xe0) == 0xc0 && i + 1 < text.size() && (text[i + 1] & 0xc0) == 0x80;
    if (two_bytes) code = (lead & 0x1fU) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fU);
    if (lead >= 0x80 && !two_bytes) {
      out += static_cast<char>(lead);
      previous = 'x';
      continue;
    }
    const uint32_t mapped = map(code, previous);
    if (mapped < 0x80) {
      out += static_cast<char>(mapped);
    } else {
      out += static_cast<char>(0xc0 | mapped >> 6);
      out += static_cast<char>(0x80 | (mapped & 0x3f));
    }
    previous = code;
  }
  return out;
}

std::string to_upper(std::string_view text) {
  return map_runes(text, [](uint32_t c, uint32_t) { return swap_case(c, true); });
}

std::string to_lower(std::string_view text) {
  return map_runes(text, [](uint32_t c, uint32_t) { return swap_case(c, false); });
}

// Go's strings.Title: the first letter of every word; letters, digits and underscores make words.
std::string title(std::string_view text) {
  const auto in_word = [](uint32_t c) {
    return c >= 0x80 || c == '_' || std::isalnum(static_cast<int>(c)) != 0;
  };
  return map_runes(text,
                   [&](uint32_t c, uint32_t before) { return in_word(before) ? c : swap_case(c, true); });
}

struct HostPort {
  std::string host;
  std::string port;
};

// Go's net.SplitHostPort; empty when the text is not "host:port", "[v6]:port".
std::optional<HostPort> split_host_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  if (text[0] == '[') {
    const size_t end = text.find(']');
    if (end == text.npos || end + 1 != colon) return std::nullopt;
    if (text.find('[', 1) != text.npos || text.find(']', end + 1) != text.npos) return std::nullopt;
    return HostPort{std::string(text.substr(1, end - 1)), std::string(text.substr(colon + 1))};
  }
  const std::string_view host = text.substr(0, colon);
  if (host.find(':') != host.npos || text.find_first_of("[]") != text.npos) return std::nullopt;
  return HostPort{std::string(host), std::string(text.substr(colon + 1))};
}

bool is_ip(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
}

std::string strip_port(const std::string& text) {
  const std::optional<HostPort> split = split_host_port(text);
  return split ? split->host : text;
}

std::string strip_domain(const std::string& text) {
  const std::optional<HostPort> split = split_host_port(text);
  const std::string& full = split ? split->host : text;
  if (is_ip(full)) return text;
  std::string host = full.substr(0, full.find('.'));
  if (!split || split->port.empty()) return host;
  const bool needs_brackets = host.find_first_of(":%") != host.npos;
  return needs_brackets ? fmt::format("[{}]:{}", host, split->port) : fmt::format("{}:{}", host, split->port);
}

// --- regular expressions ---

// Compiled within a bound; templates come from files.
std::unique_ptr<re2::RE2> compile(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(4 << 20);
  return std::make_unique<re2::RE2>(pattern, options);
}

Error bad_regex(const re2::RE2& regex) {
  return invalid("error parsing regexp: " + regex.error());
}

// Go's Regexp.Expand: $1, ${1}, $name, ${name}, $$; a name is as long as letters, digits and underscores
// reach.
void append_expanded(std::string& out, std::string_view format, const re2::RE2& regex,
                     std::span<const re2::StringPiece> groups) {
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '$' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    if (format[i + 1] == '$') {
      out += '$';
      ++i;
      continue;
    }
    const bool braces = format[i + 1] == '{';
    const size_t begin = i + (braces ? 2 : 1);
    size_t end = begin;
    while (end < format.size() &&
           (std::isalnum(static_cast<unsigned char>(format[end])) != 0 || format[end] == '_'))
      ++end;
    if (end == begin || (braces && (end == format.size() || format[end] != '}'))) {
      out += '$';  // malformed: Go copies it literally
      continue;
    }
    const std::string name(format.substr(begin, end - begin));
    size_t group = groups.size();
    if (name.find_first_not_of("0123456789") == std::string::npos) {
      group = name.size() > 4 ? groups.size() : static_cast<size_t>(std::stoul(name));
    } else if (const auto it = regex.NamedCapturingGroups().find(name);
               it != regex.NamedCapturingGroups().end()) {
      group = static_cast<size_t>(it->second);
    }
    if (group < groups.size()) out.append(groups[group].data(), groups[group].size());
    i = braces ? end : end - 1;
  }
}

std::string replace_all(const re2::RE2& regex, std::string_view format, const std::string& text) {
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1);
  std::string out;
  size_t copied = 0;  // up to here the text is in `out`
  size_t search = 0;
  while (search <= text.size() && regex.Match(text, search, text.size(), re2::RE2::UNANCHORED, groups.data(),
                                              static_cast<int>(groups.size()))) {
    const size_t begin = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    out.append(text, copied, begin - copied);
    // As in Go, an empty match right behind a match does not count.
    if (end > copied || begin == 0) append_expanded(out, format, regex, groups);
    copied = end;
    if (end > search) {
      search = end;
    } else {
      // Past one whole character, so that an empty match never splits one.
      search = end + 1;
      while (search < text.size() && (static_cast<unsigned char>(text[search]) & 0xc0) == 0x80) ++search;
    }
    if (out.size() > (1U << 20)) break;  // the engine refuses longer output anyway
  }
  if (copied < text.size()) out.append(text, copied);
  return out;
}

// --- JSON ---

void append_json_string(std::string& out, std::string_view text) {
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
      case '<':
      case '>':
      case '&':
        out += fmt::format("\\u{:04x}", static_cast<int>(c));
        break;  // Go's encoder does so
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<int>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

Result<void> append_json(std::string& out, const Value& value, int depth) {
  if (depth > 32) return limit_met("toJson: the value nests deeper than 32 levels");
  const auto member = [&](bool first, std::string_view key, const Value& v) -> Result<void> {
    if (!first) out += ',';
    append_json_string(out, key);
    out += ':';
    return append_json(out, v, depth + 1);
  };
  bool first = true;
  switch (value.kind()) {
    case Kind::kNil:
      out += "null";
      return {};
    case Kind::kBool:
      out += value.as_bool() ? "true" : "false";
      return {};
    case Kind::kInt:
      out += fmt::format("{}", value.as_int());
      return {};
    case Kind::kFloat:
      if (!std::isfinite(value.as_float()))
        return invalid("json: unsupported value: " + format_float(value.as_float()));
      append_float(out, value.as_float());
      return {};
    case Kind::kString:
      append_json_string(out, value.as_string());
      return {};
    case Kind::kTime:
      append_json_string(out, format_rfc3339(value.as_time().at));
      return {};
    case Kind::kDuration:
      out += fmt::format("{}", value.as_duration().count());
      return {};
    case Kind::kList:
      out += '[';
      for (const Value& item : value.as_list()) {
        if (!first) out += ',';
        first = false;
        if (Result<void> r = append_json(out, item, depth + 1); !r) return r;
      }
      out += ']';
      return {};
    case Kind::kMap:
      out += '{';
      for (const auto& [key, item] : value.as_map()) {
        if (Result<void> r = member(first, key, item); !r) return r;
        first = false;
      }
      out += '}';
      return {};
    case Kind::kObject:
      out += '{';
      for (const auto& [key, item] : value.as_fields()) {
        if (Result<void> r = member(first, key, item); !r) return r;
        first = false;
      }
      out += '}';
      return {};
    case Kind::kFunction:
    case Kind::kAny:
      break;
  }
  return invalid("json: unsupported type: " + value.type_name());
}

// --- query results ---

Value to_value(const TemplateSample& sample) {
  return Value::object({{"Labels", Value::string_map(sample.labels)}, {"Value", sample.value}}, &kSampleType);
}

Result<const Value*> sample_field(const Value& sample, std::string_view field) {
  const Value* found = sample.kind() == Kind::kObject ? sample.field(field) : nullptr;
  if (found == nullptr) {
    return invalid(
        fmt::format("wrong type for value; expected *template.sample; got {}", sample.type_name()));
  }
  return found;
}

Answer label_of(const Value& sample, const std::string& name) {
  const Result<const Value*> labels = sample_field(sample, "Labels");
  if (!labels) return labels.error();
  const gotmpl::Map& map = (*labels)->as_map();
  const auto it = map.find(name);
  return it == map.end() ? Value("") : it->second;
}

// --- the table ---

Function number_function(std::string (*body)(double)) {
  return {{Kind::kAny}, false, [body](Args args) -> Answer {
            const Result<double> v = to_float(args[0]);
            if (!v) return v.error();
            return Value(body(*v));
          }};
}

Function text_function(std::string (*body)(const std::string&)) {
  return {{Kind::kString}, false, [body](Args args) -> Answer { return Value(body(args[0].as_string())); }};
}

std::string url_path(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t from = scheme == url.npos ? 0 : scheme + 3;
  const size_t slash = scheme == url.npos ? 0 : url.find('/', from);
  if (slash == url.npos) return "";
  return std::string(url.substr(slash, url.find_first_of("?#", slash) - slash));
}

void add_text_functions(gotmpl::Functions& table) {
  table["title"] = text_function([](const std::string& s) { return title(s); });
  table["toUpper"] = text_function([](const std::string& s) { return to_upper(s); });
  table["toLower"] = text_function([](const std::string& s) { return to_lower(s); });
  table["stripPort"] = text_function(&strip_port);
  table["stripDomain"] = text_function(&strip_domain);
  table["safeHtml"] = text_function([](const std::string& s) { return s; });
  table["urlQueryEscape"] = text_function([](const std::string& s) { return query_escape(s); });
  table["graphLink"] = text_function([](const std::string& s) { return graph_link(s); });
  table["tableLink"] = text_function([](const std::string& s) { return table_link(s); });
  table["match"] = {{Kind::kString, Kind::kString}, false, [](Args args) -> Answer {
                      const auto regex = compile(args[0].as_string());
                      if (!regex->ok()) return bad_regex(*regex);
                      return Value(re2::RE2::PartialMatch(args[1].as_string(), *regex));
                    }};
  table["reReplaceAll"] = {{Kind::kString, Kind::kString, Kind::kString}, false, [](Args args) -> Answer {
                             const auto regex = compile(args[0].as_string());
                             if (!regex->ok()) return bad_regex(*regex);
                             return Value(replace_all(*regex, args[1].as_string(), args[2].as_string()));
                           }};
  table["toJson"] = {{Kind::kAny}, false, [](Args args) -> Answer {
                       std::string out;
                       if (Result<void> r = append_json(out, args[0], 0); !r) return r.error();
                       return Value(std::move(out));
                     }};
}

void add_number_functions(gotmpl::Functions& table) {
  table["humanize"] = number_function(&humanize);
  table["humanize1024"] = number_function(&humanize_1024);
  table["humanizeDuration"] = number_function(&humanize_duration);
  table["humanizePercentage"] = number_function([](double v) { return four_digits(v * 100) + "%"; });
  table["humanizeTimestamp"] = {{Kind::kAny}, false, [](Args args) -> Answer {
                                  const Result<double> v = to_float(args[0]);
                                  if (!v) return v.error();
                                  if (!std::isfinite(*v)) return Value(four_digits(*v));
                                  const Result<gotmpl::Time> time = to_time(*v);
                                  if (!time) return time.error();
                                  return Value(Value(*time).print());
                                }};
  table["toTime"] = {{Kind::kAny}, false, [](Args args) -> Answer {
                       const Result<double> v = to_float(args[0]);
                       if (!v) return v.error();
                       const Result<gotmpl::Time> time = to_time(*v);
                       if (!time) return time.error();
                       return Value(*time);
                     }};
  table["toDuration"] = {{Kind::kAny}, false, [](Args args) -> Answer {
                           const Result<double> v = to_float(args[0]);
                           if (!v) return v.error();
                           if (!std::isfinite(*v)) return invalid("cannot convert NaN or Inf to a duration");
                           return Value(from_seconds(*v));
                         }};
  const auto parse = [](Args args) { return parse_duration(args[0].as_string()); };
  table["parseDuration"] = {{Kind::kString}, false, [parse](Args args) -> Answer {
                              const Result<Duration> d = parse(args);
                              if (!d) return d.error();
                              return Value(to_seconds(*d));
                            }};
  table["parseDurationTime"] = {{Kind::kString}, false, [parse](Args args) -> Answer {
                                  const Result<Duration> d = parse(args);
                                  if (!d) return d.error();
                                  return Value(*d);
                                }};
}

void add_query_functions(gotmpl::Functions& table, const TemplateContext& context) {
  table["query"] = {{Kind::kString}, false, [query = context.query](Args args) -> Answer {
                      if (!query) return invalid("queries cannot be answered here");
                      Result<std::vector<TemplateSample>> samples = query(args[0].as_string());
                      if (!samples) return samples.error();
                      gotmpl::List list;
                      list.reserve(samples->size());
                      for (const TemplateSample& sample : *samples) list.push_back(to_value(sample));
                      return Value::list(std::move(list), &kQueryResultType);
                    }};
  table["first"] = {{Kind::kList}, false, [](Args args) -> Answer {
                      if (args[0].as_list().empty())
                        return invalid("first() called on vector with no elements");
                      return args[0].as_list().front();
                    }};
  table["label"] = {{Kind::kString, Kind::kAny}, false, [](Args args) -> Answer {
                      return label_of(args[1], args[0].as_string());
                    }};
  table["strvalue"] = {
      {Kind::kAny}, false, [](Args args) -> Answer { return label_of(args[0], "__value__"); }};
  table["value"] = {{Kind::kAny}, false, [](Args args) -> Answer {
                      const Result<const Value*> value = sample_field(args[0], "Value");
                      if (!value) return value.error();
                      return **value;
                    }};
  table["sortByLabel"] = {{Kind::kString, Kind::kList}, false, [](Args args) -> Answer {
                            const std::string& by = args[0].as_string();
                            std::vector<std::pair<std::string, Value>> keyed;
                            for (const Value& sample : args[1].as_list()) {
                              const Answer key = label_of(sample, by);
                              if (!key) return key.error();
                              keyed.emplace_back(key->as_string(), sample);
                            }
                            std::stable_sort(keyed.begin(), keyed.end(),
                                             [](const auto& a, const auto& b) { return a.first < b.first; });
                            gotmpl::List sorted;
                            for (auto& [key, sample] : keyed) sorted.push_back(std::move(sample));
                            return Value::list(std::move(sorted), &kQueryResultType);
                          }};
}

}  // namespace

std::string query_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string table_link(std::string_view expression) {
  return fmt::format("/graph?g0.expr={}&g0.tab=1", query_escape(expression));
}

std::string graph_link(std::string_view expression) {
  return fmt::format("/graph?g0.expr={}&g0.tab=0", query_escape(expression));
}

gotmpl::Functions template_functions(const TemplateContext& context) {
  gotmpl::Functions table;
  add_text_functions(table);
  add_number_functions(table);
  add_query_functions(table, context);
  table["args"] = {{Kind::kAny}, true, [](Args args) -> Answer {
                     gotmpl::Map map;
                     for (size_t i = 0; i < args.size(); ++i) map[fmt::format("arg{}", i)] = args[i];
                     return Value::map(std::move(map), &kArgsType);
                   }};
  // AlertTemplate binds it to the templates of its own text.
  table["tmpl"] = {{Kind::kString, Kind::kAny}, false, [](Args) -> Answer {
                     return invalid("tmpl is not available here");
                   }};
  table["now"] = {{}, false, [now = context.now](Args) -> Answer { return Value(to_seconds(now)); }};
  table["externalURL"] = {
      {}, false, [url = std::string(context.external_url)](Args) -> Answer { return Value(url); }};
  table["pathPrefix"] = {
      {}, false, [url = std::string(context.external_url)](Args) -> Answer { return Value(url_path(url)); }};
  return table;
}

}  // namespace sluice::rules
