#pragma once
// What templates compute with: Go's dynamic values, as far as text/template can see them.
//
// A Value is nil, a bool, an int, a float, a string, a list, a map, an object (Go: a struct), a time, a
// duration or a function. Go's templates look at the *type* as well: a KV map of Alertmanager has methods
// beside its keys, a list of alerts has `.Firing`, `printf "%T"` and error messages name the type. That is
// what Type is for: a static table a caller declares once and attaches to lists, maps and objects.
//
// Values are immutable and share their content: copying is cheap.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/labels.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::gotmpl {

enum class Kind {
  kNil,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kMap,
  kObject,
  kTime,
  kDuration,
  kFunction,
  kAny,  // only as a parameter's kind: takes everything
};

// Go's name of a kind: "string", "float64", "interface {}".
std::string_view kind_name(Kind kind);

class Value;
using List = std::vector<Value>;
using Map = std::map<std::string, Value, std::less<>>;
using Fields = std::vector<std::pair<std::string, Value>>;  // in declaration order, as Go prints structs

// A function of a template, or a method (then `args` comes after the receiver). The engine checks the number
// and kinds of arguments against `params` before it calls, and words errors as Go does, so `call` may trust
// them. Constants fit as in Go: `1` passes as a float where one is wanted, an int variable does not.
struct Function {
  std::vector<Kind> params;
  bool variadic = false;  // the last parameter may come any number of times, also not at all
  std::function<Result<Value>(std::span<const Value> args)> call;
};

struct Method {
  std::string_view name;
  std::vector<Kind> params;
  std::function<Result<Value>(const Value& self, std::span<const Value> args)> call;
};

// Names a Go type and lists its methods. Lives at least as long as every Value that points to it: make it
// static.
struct Type {
  std::string_view name;  // as Go's %T prints it: "template.KV"
  std::vector<Method> methods;
  Kind element =
      Kind::kAny;  // of lists and maps: what a missing key is with missingkey=zero ("" for kString)
  const Method* find(std::string_view method) const;
};

// A moment in a time zone: templates print zones.
struct Time {
  Timestamp at;
  int offset_seconds = 0;
  std::string zone = "UTC";
  bool operator==(const Time& other) const { return at == other.at; }
};

class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}
  Value(bool v) : data_(v) {}
  Value(int v) : data_(int64_t{v}) {}
  Value(int64_t v) : data_(v) {}
  Value(double v) : data_(v) {}
  Value(std::string v) : data_(std::move(v)) {}
  Value(std::string_view v) : data_(std::string(v)) {}
  Value(const char* v) : data_(std::string(v)) {}
  Value(Time v) : data_(std::move(v)) {}
  Value(Timestamp v) : data_(Time{v, 0, "UTC"}) {}
  Value(Duration v) : data_(v) {}
  static Value list(List items, const Type* type = nullptr);
  static Value map(Map entries, const Type* type = nullptr);
  // A Go map[string]string: a missing key is "" under missingkey=zero, and so it is for `index`.
  static Value string_map(const Labels& labels, const Type* type = nullptr);
  static Value object(Fields fields, const Type* type = nullptr);
  static Value function(Function function);

  Kind kind() const;
  bool is_nil() const { return kind() == Kind::kNil; }
  // Each is a bug when the kind is another.
  bool as_bool() const { return std::get<bool>(data_); }
  int64_t as_int() const { return std::get<int64_t>(data_); }
  double as_float() const { return std::get<double>(data_); }
  const std::string& as_string() const { return std::get<std::string>(data_); }
  const List& as_list() const;
  const Map& as_map() const;
  const Fields& as_fields() const;
  const Time& as_time() const { return std::get<Time>(data_); }
  Duration as_duration() const { return std::get<Duration>(data_); }
  const Function& as_function() const;

  // The attached type, or null.
  const Type* type() const;
  // What a missing key of this map is under missingkey=zero, and for `index`: "" of a string map, nil of
  // others.
  Value zero_element() const;
  // Go's name of the type: "string", "float64", "map[string]string", "[]interface {}", "template.KV",
  // "time.Time".
  std::string type_name() const;
  // A field of an object by name, or null.
  const Value* field(std::string_view name) const;
  // Go's IsTrue: nil, false, 0, "", an empty list or map are false; objects and times are true.
  bool truth() const;
  // As {{ value }} prints it (Go's fmt.Print); nil is "<no value>".
  std::string print() const;

 private:
  struct ListBox;
  struct MapBox;
  struct ObjectBox;
  std::variant<std::monostate, bool, int64_t, double, std::string, std::shared_ptr<const ListBox>,
               std::shared_ptr<const MapBox>, std::shared_ptr<const ObjectBox>, Time, Duration,
               std::shared_ptr<const Function>>
      data_;
};

}  // namespace sluice::gotmpl
