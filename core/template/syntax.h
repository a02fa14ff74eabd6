#pragma once
// The parsed form of a template.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sluice::gotmpl {

enum class NodeKind {
  kList,      // children in order
  kText,      // text
  kAction,    // {{pipe}}
  kIf,        // pipe, body, otherwise
  kRange,     //
  kWith,      //
  kTemplate,  // {{template text pipe}}
  kBreak,
  kContinue,
  kPipe,        // children: commands; names: declared variables; assigns
  kCommand,     // children: the operands, the first one first
  kField,       // .a.b: names
  kVariable,    // $x.a.b: names, the first with its $
  kChain,       // (children[0]).a.b: names
  kIdentifier,  // a function: text
  kDot,
  kNil,
  kBool,    // flag
  kNumber,  // number, text as written
  kString,  // text unquoted, source as written
  kEnd,     // while parsing only
  kElse,
};

// A number may be an int and a float at once: `1` passes for both, as in Go.
struct Number {
  bool is_int = false, is_float = false, overflows_int = false;
  int64_t integer = 0;
  double floating = 0;
};

struct Node;
using NodePtr = std::unique_ptr<Node>;

struct Node {
  NodeKind kind;
  size_t at = 0;  // byte in the source, for errors
  std::string text;
  std::string source;
  std::vector<std::string> names;
  std::vector<NodePtr> children;
  NodePtr pipe, body, otherwise;
  Number number;
  bool flag = false;
  bool assigns = false;  // `=` rather than `:=`
};

// As Go prints nodes in its error messages.
std::string to_string(const Node& node);

struct Tree {
  std::string name;
  std::string parse_name;  // of the text it came from
  std::shared_ptr<const std::string> source;
  NodePtr root;
};

// Nothing but blanks and comments: such a definition does not replace another.
bool is_blank(const Node& node);

}  // namespace sluice::gotmpl
