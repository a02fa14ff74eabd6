#pragma once
// Go's text/template: the language inside rule annotations and notification texts.
//
// People bring rule files and Alertmanager templates that were written for Go's engine, and a template that
// prints something else here than there is a page somebody misreads. So this is the language itself, not one
// like it: actions, pipelines, variables, if / range / with / define / template / block / break / continue,
// trim markers, the built-in functions, printf's verbs and Go's wording of errors. (The folder is `template`;
// that word is a keyword of C++, hence the namespace `gotmpl`.)
//
//   gotmpl::Set set;
//   set.add("greeting", R"({{ range .Alerts }}{{ .Labels.job | toUpper }} {{ end }})", functions);
//   Result<std::string> text = set.execute("greeting", data, functions);
//
// Parsing knows only the functions' names; execution takes the table again, so that functions may be bound to
// one evaluation (Prometheus's `query` asks the store at that evaluation's time) while the parse is kept.
//
// Templates come from files people write, and their data from systems that are broken at that moment: output,
// steps and depth are bounded, and meeting a bound is an error of that execution.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/template/value.h"

namespace sluice::gotmpl {

// By name. The engine's built-ins (and, or, not, len, index, slice, print, printf, println, html, js,
// urlquery, call, eq, ne, lt, le, gt, ge) need not be in it; a function of the same name replaces the
// built-in.
using Functions = std::map<std::string, Function, std::less<>>;

// What `.key` is when a map has no such key.
enum class MissingKey {
  kDefault,  // nil, prints "<no value>"
  kZero,     // the zero value of the map's element type: "" for a string map (Prometheus and Alertmanager use
             // this)
  kError,
};

struct ExecuteOptions {
  MissingKey missing_key = MissingKey::kZero;
  size_t output_bytes_max = 1 << 20;
  size_t steps_max = 1'000'000;  // nodes evaluated
  size_t depth_max = 100;        // templates calling templates
  // What actions print is written as fits where it stands in an HTML document (html.h).
  bool html = false;
};

struct Tree;  // one parsed template

// Named templates that may call each other. Copying shares the parsed trees: an expansion copies the set of
// the loaded files, adds its one text and executes that.
class Set {
 public:
  // Parses `text` and adds it under `name` along with all templates it defines. A later definition replaces
  // an earlier one, unless the later is blank; within one text a second definition is an error, as in Go. On
  // an error nothing is added. Error: "template: NAME:LINE: message".
  Result<void> add(std::string_view name, std::string_view text, const Functions& functions);
  bool has(std::string_view name) const { return trees_.contains(name); }
  std::vector<std::string> names() const;

  // Error: `template: NAME:LINE:COLUMN: executing "NAME" at <NODE>: message`.
  Result<std::string> execute(std::string_view name, const Value& data, const Functions& functions,
                              const ExecuteOptions& options = {}) const;

 private:
  std::map<std::string, std::shared_ptr<const Tree>, std::less<>> trees_;
};

// Parses and executes one text by itself.
Result<std::string> expand(std::string_view name, std::string_view text, const Value& data,
                           const Functions& functions, const ExecuteOptions& options = {});

// Go's fmt.Sprintf over values: `%d`, `%-10s`, `%.2f`, `%x`, `%q`, `%v`, `%T`, ...; mistakes print as Go
// prints them:
// "%!d(string=x)", "%!s(MISSING)", "%!(EXTRA int=1)".
std::string sprintf(std::string_view format, std::span<const Value> args);
// Go's fmt.Sprint: spaces only between operands when neither is a string.
std::string sprint(std::span<const Value> args);

// Go's Time.Format: the layout is the reference time "Mon Jan 2 15:04:05 MST 2006".
std::string format_time(const Time& time, std::string_view layout);
// Go's Duration.String: "1h0m0.5s", "250ms", "0s".
std::string format_go_duration(Duration duration);

}  // namespace sluice::gotmpl
