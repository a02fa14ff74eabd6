#include "core/template/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/template/builtins.h"
#include "core/template/html.h"
#include "core/template/parser.h"
#include "core/template/quote.h"
#include "core/template/syntax.h"

namespace sluice::gotmpl {
namespace {

using Trees = std::map<std::string, std::shared_ptr<const Tree>, std::less<>>;

// Thrown and caught in this file, as Go's engine panics and recovers: evaluation is one deep recursion.
struct Failure {
  Error error;
};

enum class Flow { kNext, kBreak, kContinue };

// What all templates of one execution share.
struct Run {
  const Trees& trees;
  const Functions& functions;
  const ExecuteOptions& options;
  std::string out;
  HtmlPosition html = {};  // at the end of `out`, where that is HTML
  size_t steps = 0;
  size_t nesting = 0;
};

// Evaluation recurses over blocks, parentheses and template calls together; this many levels fit on any
// stack.
constexpr size_t kNestingMax = 1500;

struct Callable {
  std::string_view name;
  std::span<const Kind> params;
  bool variadic;
  std::function<Result<Value>(std::span<const Value>)> call;
};

// The execution of one template: its own variables, and the node it is at, for errors.
class Frame {
 public:
  Frame(Run& run, const Tree& tree, const Value& data, size_t depth)
      : run_(run), tree_(tree), depth_(depth), variables_{{"$", data}} {}

  Flow walk(const Value& dot, const Node& node) {
    const Nested nested(*this);
    at(node);
    switch (node.kind) {
      case NodeKind::kList:
        for (const NodePtr& child : node.children) {
          if (const Flow flow = walk(dot, *child); flow != Flow::kNext) return flow;
        }
        return Flow::kNext;
      case NodeKind::kText:
        write(node.text);
        if (run_.options.html) run_.html.follow(node.text);
        return Flow::kNext;
      case NodeKind::kAction: {
        // Variables stay until the end of the surrounding list; a declaration prints nothing.
        const Value value = pipeline(dot, *node.pipe);
        if (node.pipe->names.empty()) print(node, value);
        return Flow::kNext;
      }
      case NodeKind::kIf:
      case NodeKind::kWith:
        return branch(dot, node);
      case NodeKind::kRange:
        return range(dot, node);
      case NodeKind::kTemplate:
        call_template(dot, node);
        return Flow::kNext;
      case NodeKind::kBreak:
        return Flow::kBreak;
      case NodeKind::kContinue:
        return Flow::kContinue;
      default:
        fail("unknown node: " + to_string(node));
    }
  }

 private:
  struct Variable {
    std::string_view name;
    Value value;
  };

  // --- errors and bounds ---
  void at(const Node& node) {
    node_ = &node;
    if (++run_.steps > run_.options.steps_max) {
      fail(fmt::format("exceeded maximum number of steps ({})", run_.options.steps_max), ErrorKind::kLimit);
    }
  }

  struct Nested {
    explicit Nested(const Frame& frame) : nesting(frame.run_.nesting) {
      if (nesting >= kNestingMax) frame.fail("exceeded maximum nesting", ErrorKind::kLimit);
      ++nesting;
    }
    ~Nested() { --nesting; }
    size_t& nesting;
  };

  [[noreturn]] void fail(const std::string& message, ErrorKind kind = ErrorKind::kInvalid) const {
    if (node_ == nullptr) throw Failure{{kind, fmt::format("template: {}: {}", tree_.name, message)}};
    const std::string_view before = std::string_view(*tree_.source).substr(0, node_->at);
    const size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    const size_t newline = before.rfind('\n');
    const size_t column = newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
    throw Failure{{kind, fmt::format("template: {}:{}:{}: executing {} at <{}>: {}", tree_.parse_name, line,
                                     column, quote(tree_.name), to_string(*node_), message)}};
  }

  void write(std::string_view text) {
    if (run_.out.size() + text.size() > run_.options.output_bytes_max) {
      fail(fmt::format("exceeded maximum output size ({} bytes)", run_.options.output_bytes_max),
           ErrorKind::kLimit);
    }
    run_.out += text;
  }

  void print(const Node& node, const Value& value) {
    at(node);
    if (value.kind() == Kind::kFunction) fail(fmt::format("can't print {} of type func", to_string(node)));
    if (run_.options.html) return write(run_.html.fit(value.print(), markup(*node.pipe)));
    if (value.kind() == Kind::kString) return write(value.as_string());
    write(value.print());
  }

  // What the last command of the pipeline makes of its value.
  static Markup markup(const Node& pipe) {
    if (pipe.children.empty() || pipe.children.back()->children.empty()) return Markup::kNone;
    const Node& last = *pipe.children.back()->children.front();
    if (last.kind != NodeKind::kIdentifier) return Markup::kNone;
    if (last.text == "safeHtml") return Markup::kHtml;
    if (last.text == "safeUrl") return Markup::kUrl;
    return last.text == "html" || last.text == "urlquery" ? Markup::kDone : Markup::kNone;
  }

  // --- variables ---
  Value& variable(std::string_view name) {
    for (size_t i = variables_.size(); i > 0; --i) {
      if (variables_[i - 1].name == name) return variables_[i - 1].value;
    }
    fail(fmt::format("undefined variable: {}", name));
  }

  // Drops what was declared since it was made.
  class Scope {
   public:
    explicit Scope(Frame& frame) : frame_(frame), size_(frame.variables_.size()) {}
    ~Scope() { frame_.variables_.resize(size_); }

   private:
    Frame& frame_;
    size_t size_;
  };

  // --- control ---
  Flow branch(const Value& dot, const Node& node) {
    const Scope scope(*this);
    const Value value = pipeline(dot, *node.pipe);
    if (value.truth()) return walk(node.kind == NodeKind::kWith ? value : dot, *node.body);
    return node.otherwise ? walk(dot, *node.otherwise) : Flow::kNext;
  }

  // One round of a range; false when it was left with {{break}}.
  bool iterate(const Node& node, const Value& index, const Value& element) {
    const std::vector<std::string>& names = node.pipe->names;
    if (node.pipe->assigns) {
      if (names.size() > 1) {
        variable(names[0]) = index;
        variable(names[1]) = element;
      } else if (!names.empty()) {
        variable(names[0]) = element;
      }
    } else {
      // The pipeline pushed them; the last one is always the element.
      if (!names.empty()) variables_[variables_.size() - 1].value = element;
      if (names.size() > 1) variables_[variables_.size() - 2].value = index;
    }
    const Scope scope(*this);
    return walk(element, *node.body) != Flow::kBreak;
  }

  Flow range(const Value& dot, const Node& node) {
    const Scope scope(*this);
    const Value value = pipeline(dot, *node.pipe);
    bool ran = false;
    switch (value.kind()) {
      case Kind::kList: {
        int64_t index = 0;
        for (const Value& item : value.as_list()) {
          ran = true;
          if (!iterate(node, Value(index++), item)) break;
        }
        break;
      }
      case Kind::kMap:
        for (const auto& [key, item] : value.as_map()) {
          ran = true;
          if (!iterate(node, Value(key), item)) break;
        }
        break;
      case Kind::kInt:
        if (node.pipe->names.size() > 1) {
          fail(fmt::format("can't use {} to iterate over more than one variable", value.as_int()));
        }
        for (int64_t i = 0; i < value.as_int(); ++i) {
          ran = true;
          if (!iterate(node, Value(), Value(i))) break;
        }
        break;
      case Kind::kNil:
        break;
      default:
        fail("range can't iterate over " + value.print());
    }
    if (!ran && node.otherwise) return walk(dot, *node.otherwise);
    return Flow::kNext;
  }

  void call_template(const Value& dot, const Node& node) {
    const auto found = run_.trees.find(node.text);
    if (found == run_.trees.end()) fail(fmt::format("template {} not defined", quote(node.text)));
    if (depth_ >= run_.options.depth_max) {
      fail(fmt::format("exceeded maximum template depth ({})", run_.options.depth_max), ErrorKind::kLimit);
    }
    const Value data = node.pipe ? pipeline(dot, *node.pipe) : Value();
    Frame(run_, *found->second, data, depth_ + 1).walk(data, *found->second->root);
  }

  // --- evaluation ---
  // `final` is the value a pipeline hands to its next command, or null.
  Value pipeline(const Value& dot, const Node& pipe) {
    const Nested nested(*this);
    at(pipe);
    std::optional<Value> value;
    for (const NodePtr& stage : pipe.children) value = command(dot, *stage, value ? &*value : nullptr);
    for (const std::string& name : pipe.names) {
      if (pipe.assigns) {
        variable(name) = *value;
      } else {
        variables_.push_back({name, *value});
      }
    }
    return std::move(*value);
  }

  Value command(const Value& dot, const Node& node, const Value* final) {
    const std::span<const NodePtr> args = node.children;
    const Node& first = *args[0];
    switch (first.kind) {
      case NodeKind::kField:
        return field_node(dot, first, args, final);
      case NodeKind::kChain:
        return chain(dot, first, args, final);
      case NodeKind::kIdentifier:
        return function(dot, first, node, args, final);
      case NodeKind::kVariable:
        return variable_node(dot, first, args, final);
      case NodeKind::kPipe:
        no_arguments(args, final);
        return pipeline(dot, first);
      default:
        break;
    }
    at(first);
    no_arguments(args, final);
    if (first.kind == NodeKind::kNil) fail("nil is not a command");
    return literal(dot, first);
  }

  void no_arguments(std::span<const NodePtr> args, const Value* final) const {
    if (args.size() > 1 || final != nullptr) {
      fail("can't give argument to non-function " + to_string(*args[0]));
    }
  }

  Value literal(const Value& dot, const Node& node) {
    switch (node.kind) {
      case NodeKind::kBool:
        return node.flag;
      case NodeKind::kDot:
        return dot;
      case NodeKind::kString:
        return node.text;
      case NodeKind::kNumber:
        return ideal_constant(node);
      default:
        fail("can't evaluate command " + quote(to_string(node)));
    }
  }

  // A number where no type is asked for: how it is written decides.
  Value ideal_constant(const Node& node) {
    at(node);
    const std::string& text = node.text;
    const bool hexadecimal = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') &&
                             text.find_first_of("pP") == std::string::npos;
    const bool looks_float =
        text[0] != '\'' && !hexadecimal && text.find_first_of(".eEpP") != std::string::npos;
    if (node.number.is_float && looks_float) return node.number.floating;
    if (!node.number.is_int) fail(text + " overflows int");
    return node.number.integer;
  }

  Value field_node(const Value& dot, const Node& node, std::span<const NodePtr> args, const Value* final) {
    at(node);
    return field_chain(dot, dot, node, node.names, args, final);
  }

  Value chain(const Value& dot, const Node& node, std::span<const NodePtr> args, const Value* final) {
    at(node);
    const Node& head = *node.children[0];
    if (head.kind == NodeKind::kNil) fail("indirection through explicit nil in " + to_string(node));
    return field_chain(dot, argument(dot, Kind::kAny, head), node, node.names, args, final);
  }

  Value variable_node(const Value& dot, const Node& node, std::span<const NodePtr> args, const Value* final) {
    at(node);
    const Value value = variable(node.names[0]);
    if (node.names.size() == 1) {
      if (args.size() > 1 || final != nullptr) fail("can't give argument to non-function " + node.names[0]);
      return value;
    }
    return field_chain(dot, value, node, std::span(node.names).subspan(1), args, final);
  }

  // .X.Y.Z: only the last may be a method with arguments.
  Value field_chain(const Value& dot, Value receiver, const Node& node, std::span<const std::string> names,
                    std::span<const NodePtr> args, const Value* final) {
    for (const std::string& name : names.first(names.size() - 1)) {
      receiver = field(dot, name, node, {}, nullptr, receiver);
    }
    return field(dot, names.back(), node, args, final, receiver);
  }

  Value field(const Value& dot, const std::string& name, const Node& node, std::span<const NodePtr> args,
              const Value* final, const Value& receiver) {
    if (receiver.is_nil()) {
      if (run_.options.missing_key == MissingKey::kError) {
        fail(fmt::format("nil data; no entry for key {}", quote(name)));
      }
      return {};
    }
    const Method* method =
        receiver.type() != nullptr ? receiver.type()->find(name) : builtin_method(receiver.kind(), name);
    if (method != nullptr) {
      const auto bound = [&](std::span<const Value> given) { return method->call(receiver, given); };
      return call(dot, {name, method->params, false, bound}, node, args, final);
    }
    const bool has_arguments = args.size() > 1 || final != nullptr;
    if (receiver.kind() == Kind::kObject) {
      if (const Value* found = receiver.field(name)) {
        if (has_arguments) fail(name + " has arguments but cannot be invoked as function");
        return *found;
      }
    } else if (receiver.kind() == Kind::kMap) {
      if (has_arguments) fail(name + " is not a method but has arguments");
      const auto found = receiver.as_map().find(name);
      if (found != receiver.as_map().end()) return found->second;
      switch (run_.options.missing_key) {
        case MissingKey::kDefault:
          return {};
        case MissingKey::kZero:
          return receiver.zero_element();
        case MissingKey::kError:
          fail(fmt::format("map has no entry for key {}", quote(name)));
      }
    }
    fail(fmt::format("can't evaluate field {} in type {}", name, receiver.type_name()));
  }

  Value function(const Value& dot, const Node& identifier, const Node& whole, std::span<const NodePtr> args,
                 const Value* final) {
    at(identifier);
    const std::string& name = identifier.text;
    auto found = run_.functions.find(name);
    if (found == run_.functions.end()) {
      found = builtins().find(name);
      if (found == builtins().end()) fail(quote(name) + " is not a defined function");
      if (name == "and" || name == "or") return and_or(dot, name == "or", args, final);
    }
    const Function& f = found->second;
    return call(dot, {name, f.params, f.variadic, f.call}, whole, args, final);
  }

  // Stops at the first argument that settles the answer; those behind it are not evaluated.
  Value and_or(const Value& dot, bool is_or, std::span<const NodePtr> args, const Value* final) {
    if (!args.empty()) args = args.subspan(1);
    if (args.empty() && final == nullptr) {
      fail(fmt::format("wrong number of args for {}: want at least 1 got 0", is_or ? "or" : "and"));
    }
    Value value;
    for (const NodePtr& arg : args) {
      value = argument(dot, Kind::kAny, *arg);
      if (value.truth() == is_or) return value;
    }
    return final != nullptr ? *final : value;
  }

  Value call(const Value& dot, const Callable& callee, const Node& node, std::span<const NodePtr> args,
             const Value* final) {
    if (!args.empty()) args = args.subspan(1);  // the first is the function itself
    const size_t given = args.size() + (final != nullptr ? 1 : 0);
    const size_t wanted = callee.params.size();
    if (callee.variadic ? given + 1 < wanted : given != wanted) {
      fail(fmt::format("wrong number of args for {}: want {}{} got {}", callee.name,
                       callee.variadic ? "at least " : "", callee.variadic ? wanted - 1 : wanted, given));
    }
    const auto kind_of = [&](size_t i) { return callee.params[std::min(i, wanted - 1)]; };
    List values;
    values.reserve(given);
    for (const NodePtr& arg : args) values.push_back(argument(dot, kind_of(values.size()), *arg));
    if (final != nullptr) values.push_back(validated(*final, kind_of(values.size())));
    Result<Value> result = callee.call(values);
    if (result) return std::move(*result);
    at(node);
    fail(fmt::format("error calling {}: {}", callee.name, result.error().message), result.error().kind);
  }

  static bool can_be_nil(Kind kind) {
    return kind == Kind::kAny || kind == Kind::kList || kind == Kind::kMap || kind == Kind::kFunction;
  }

  Value validated(Value value, Kind kind) const {
    if (value.is_nil()) {
      if (kind == Kind::kList) return Value::list({});
      if (kind == Kind::kMap) return Value::map({});
      if (!can_be_nil(kind)) fail(fmt::format("invalid value; expected {}", kind_name(kind)));
      return value;
    }
    if (kind != Kind::kAny && value.kind() != kind) {
      fail(fmt::format("wrong type for value; expected {}; got {}", kind_name(kind), value.type_name()));
    }
    return value;
  }

  Value argument(const Value& dot, Kind kind, const Node& node) {
    at(node);
    switch (node.kind) {
      case NodeKind::kDot:
        return validated(dot, kind);
      case NodeKind::kNil:
        if (!can_be_nil(kind)) fail(fmt::format("cannot assign nil to {}", kind_name(kind)));
        return validated({}, kind);
      case NodeKind::kField:
        return validated(field_node(dot, node, {}, nullptr), kind);
      case NodeKind::kVariable:
        return validated(variable_node(dot, node, {}, nullptr), kind);
      case NodeKind::kPipe:
        return validated(pipeline(dot, node), kind);
      case NodeKind::kIdentifier:
        return validated(function(dot, node, node, {}, nullptr), kind);
      case NodeKind::kChain:
        return validated(chain(dot, node, {}, nullptr), kind);
      default:
        break;
    }
    const auto expected = [&](const char* what) {
      fail(fmt::format("expected {}; found {}", what, to_string(node)));
    };
    switch (kind) {
      case Kind::kAny:
        return literal(dot, node);
      case Kind::kBool:
        if (node.kind != NodeKind::kBool) expected("bool");
        return node.flag;
      case Kind::kString:
        if (node.kind != NodeKind::kString) expected("string");
        return node.text;
      case Kind::kInt:
        if (node.kind != NodeKind::kNumber || !node.number.is_int) expected("integer");
        return node.number.integer;
      case Kind::kDuration:  // an integer in Go: nanoseconds
        if (node.kind != NodeKind::kNumber || !node.number.is_int) expected("integer");
        return Duration(node.number.integer);
      case Kind::kFloat:
        if (node.kind != NodeKind::kNumber || !node.number.is_float) expected("float");
        return node.number.floating;
      default:
        fail(fmt::format("can't handle {} for arg of type {}", to_string(node), kind_name(kind)));
    }
  }

  Run& run_;
  const Tree& tree_;
  size_t depth_;
  std::vector<Variable> variables_;
  const Node* node_ = nullptr;
};

}  // namespace

Result<void> Set::add(std::string_view name, std::string_view text, const Functions& functions) {
  const auto known = [&](std::string_view function) {
    return functions.contains(function) || builtins().contains(function);
  };
  auto trees = parse(name, text, known);
  if (!trees) return trees.error();
  for (std::shared_ptr<const Tree>& tree : *trees) {
    const auto found = trees_.find(tree->name);
    if (found == trees_.end()) {
      trees_.emplace(tree->name, std::move(tree));
    } else if (!is_blank(*tree->root)) {
      found->second = std::move(tree);
    }
  }
  return {};
}

std::vector<std::string> Set::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tree] : trees_) names.push_back(name);
  return names;
}

Result<std::string> Set::execute(std::string_view name, const Value& data, const Functions& functions,
                                 const ExecuteOptions& options) const {
  const auto found = trees_.find(name);
  if (found == trees_.end()) return invalid(fmt::format("template: no template {} in this set", quote(name)));
  Run run{trees_, functions, options, {}};
  try {
    Frame(run, *found->second, data, 0).walk(data, *found->second->root);
  } catch (Failure& failure) {
    return std::move(failure.error);
  }
  return std::move(run.out);
}

Result<std::string> expand(std::string_view name, std::string_view text, const Value& data,
                           const Functions& functions, const ExecuteOptions& options) {
  Set set;
  if (const Result<void> added = set.add(name, text, functions); !added) return added.error();
  return set.execute(name, data, functions, options);
}

}  // namespace sluice::gotmpl
