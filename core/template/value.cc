#include "core/template/value.h"

#include "core/check.h"
#include "core/template/template.h"

namespace sluice::gotmpl {

struct Value::ListBox {
  List items;
  const Type* type;
};

struct Value::MapBox {
  Map entries;
  const Type* type;
  Kind element;
};

struct Value::ObjectBox {
  Fields fields;
  const Type* type;
};

const Method* Type::find(std::string_view method) const {
  for (const Method& candidate : methods) {
    if (candidate.name == method) return &candidate;
  }
  return nullptr;
}

Value Value::list(List items, const Type* type) {
  Value value;
  value.data_ = std::make_shared<const ListBox>(ListBox{std::move(items), type});
  return value;
}

Value Value::map(Map entries, const Type* type) {
  Value value;
  const Kind element = type == nullptr ? Kind::kAny : type->element;
  value.data_ = std::make_shared<const MapBox>(MapBox{std::move(entries), type, element});
  return value;
}

Value Value::string_map(const Labels& labels, const Type* type) {
  Map entries;
  for (const auto& label : labels) entries.emplace(label.name, Value(label.value));
  Value value;
  value.data_ = std::make_shared<const MapBox>(MapBox{std::move(entries), type, Kind::kString});
  return value;
}

Value Value::object(Fields fields, const Type* type) {
  Value value;
  value.data_ = std::make_shared<const ObjectBox>(ObjectBox{std::move(fields), type});
  return value;
}

Value Value::function(Function function) {
  Value value;
  value.data_ = std::make_shared<const Function>(std::move(function));
  return value;
}

Kind Value::kind() const {
  constexpr Kind kKinds[] = {Kind::kNil,    Kind::kBool,     Kind::kInt,     Kind::kFloat,
                             Kind::kString, Kind::kList,     Kind::kMap,     Kind::kObject,
                             Kind::kTime,   Kind::kDuration, Kind::kFunction};
  static_assert(std::size(kKinds) == std::variant_size_v<decltype(data_)>);
  return kKinds[data_.index()];
}

const List& Value::as_list() const {
  return std::get<std::shared_ptr<const ListBox>>(data_)->items;
}
const Map& Value::as_map() const {
  return std::get<std::shared_ptr<const MapBox>>(data_)->entries;
}
const Fields& Value::as_fields() const {
  return std::get<std::shared_ptr<const ObjectBox>>(data_)->fields;
}
const Function& Value::as_function() const {
  return *std::get<std::shared_ptr<const Function>>(data_);
}

const Type* Value::type() const {
  if (const auto* list = std::get_if<std::shared_ptr<const ListBox>>(&data_)) return (*list)->type;
  if (const auto* map = std::get_if<std::shared_ptr<const MapBox>>(&data_)) return (*map)->type;
  if (const auto* object = std::get_if<std::shared_ptr<const ObjectBox>>(&data_)) return (*object)->type;
  return nullptr;
}

Value Value::zero_element() const {
  const auto* map = std::get_if<std::shared_ptr<const MapBox>>(&data_);
  switch (map == nullptr ? Kind::kAny : (*map)->element) {
    case Kind::kBool:
      return false;
    case Kind::kInt:
      return 0;
    case Kind::kFloat:
      return 0.0;
    case Kind::kString:
      return "";
    case Kind::kList:
      return Value::list({});
    case Kind::kMap:
      return Value::map({});
    case Kind::kDuration:
      return Duration::zero();
    default:
      return nullptr;
  }
}

std::string Value::type_name() const {
  if (const Type* named = type()) return std::string(named->name);
  if (const auto* map = std::get_if<std::shared_ptr<const MapBox>>(&data_); map != nullptr) {
    if ((*map)->element == Kind::kString) return "map[string]string";
  }
  return std::string(kind_name(kind()));
}

const Value* Value::field(std::string_view name) const {
  for (const auto& [key, value] : as_fields()) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool Value::truth() const {
  switch (kind()) {
    case Kind::kNil:
      return false;
    case Kind::kBool:
      return as_bool();
    case Kind::kInt:
      return as_int() != 0;
    case Kind::kFloat:
      return as_float() != 0;
    case Kind::kString:
      return !as_string().empty();
    case Kind::kList:
      return !as_list().empty();
    case Kind::kMap:
      return !as_map().empty();
    case Kind::kDuration:
      return as_duration() != Duration::zero();
    default:
      return true;
  }
}

std::string Value::print() const {
  if (is_nil()) return "<no value>";
  return sprint(std::span<const Value>(this, 1));
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kNil:
      return "<nil>";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float64";
    case Kind::kString:
      return "string";
    case Kind::kList:
      return "[]interface {}";
    case Kind::kMap:
      return "map[string]interface {}";
    case Kind::kObject:
      return "struct";
    case Kind::kTime:
      return "time.Time";
    case Kind::kDuration:
      return "time.Duration";
    case Kind::kFunction:
      return "func";
    case Kind::kAny:
      return "interface {}";
  }
  return "?";
}

}  // namespace sluice::gotmpl
