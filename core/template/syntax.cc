#include "core/template/syntax.h"

#include "core/template/quote.h"

namespace sluice::gotmpl {
namespace {

std::string dotted(const std::vector<std::string>& names, size_t first) {
  std::string text;
  for (size_t i = first; i < names.size(); ++i) text += "." + names[i];
  return text;
}

std::string operand(const Node& node) {
  return node.kind == NodeKind::kPipe ? "(" + to_string(node) + ")" : to_string(node);
}

std::string pipe_text(const Node& pipe) {
  std::string text;
  for (size_t i = 0; i < pipe.names.size(); ++i) text += (i > 0 ? ", " : "") + pipe.names[i];
  if (!pipe.names.empty()) text += pipe.assigns ? " = " : " := ";
  for (size_t i = 0; i < pipe.children.size(); ++i)
    text += (i > 0 ? " | " : "") + to_string(*pipe.children[i]);
  return text;
}

std::string control_text(const Node& node, const char* word) {
  std::string text = std::string("{{") + word + " " + to_string(*node.pipe) + "}}" + to_string(*node.body);
  if (node.otherwise) text += "{{else}}" + to_string(*node.otherwise);
  return text + "{{end}}";
}

}  // namespace

std::string to_string(const Node& node) {
  switch (node.kind) {
    case NodeKind::kList: {
      std::string text;
      for (const NodePtr& child : node.children) text += to_string(*child);
      return text;
    }
    case NodeKind::kText:
      return node.text;
    case NodeKind::kAction:
      return "{{" + to_string(*node.pipe) + "}}";
    case NodeKind::kIf:
      return control_text(node, "if");
    case NodeKind::kRange:
      return control_text(node, "range");
    case NodeKind::kWith:
      return control_text(node, "with");
    case NodeKind::kTemplate:
      return "{{template " + quote(node.text) + (node.pipe ? " " + to_string(*node.pipe) : "") + "}}";
    case NodeKind::kBreak:
      return "{{break}}";
    case NodeKind::kContinue:
      return "{{continue}}";
    case NodeKind::kPipe:
      return pipe_text(node);
    case NodeKind::kCommand: {
      std::string text;
      for (size_t i = 0; i < node.children.size(); ++i)
        text += (i > 0 ? " " : "") + operand(*node.children[i]);
      return text;
    }
    case NodeKind::kField:
      return dotted(node.names, 0);
    case NodeKind::kVariable:
      return node.names[0] + dotted(node.names, 1);
    case NodeKind::kChain:
      return operand(*node.children[0]) + dotted(node.names, 0);
    case NodeKind::kIdentifier:
    case NodeKind::kNumber:
      return node.text;
    case NodeKind::kDot:
      return ".";
    case NodeKind::kNil:
      return "nil";
    case NodeKind::kBool:
      return node.flag ? "true" : "false";
    case NodeKind::kString:
      return node.source;
    case NodeKind::kEnd:
      return "{{end}}";
    case NodeKind::kElse:
      return "{{else}}";
  }
  return "";
}

bool is_blank(const Node& node) {
  if (node.kind == NodeKind::kText) return node.text.find_first_not_of(" \t\r\n\v\f") == std::string::npos;
  if (node.kind != NodeKind::kList) return false;
  for (const NodePtr& child : node.children) {
    if (!is_blank(*child)) return false;
  }
  return true;
}

}  // namespace sluice::gotmpl
