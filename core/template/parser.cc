#include "core/template/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "core/number.h"
#include "core/template/lexer.h"
#include "core/template/quote.h"

namespace sluice::gotmpl {
namespace {

// Nested parentheses and blocks are parsed, printed and freed by recursion.
constexpr int kDepthMax = 500;
constexpr size_t kSourceBytesMax = 4 << 20;

// Thrown and caught in this file: a recursive descent with some thirty places that give up.
struct Failure {
  std::string message;
};

NodePtr make(NodeKind kind, size_t at) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->at = at;
  return node;
}

std::vector<std::string> split_names(std::string_view dotted) {
  std::vector<std::string> names;
  while (true) {
    const size_t dot = dotted.find('.');
    names.emplace_back(dotted.substr(0, dot));
    if (dot == std::string_view::npos) return names;
    dotted.remove_prefix(dot + 1);
  }
}

// Go's ParseInt(text, 0, 64), with the sign's two ranges: empty when it is no integer at all.
std::optional<Number> parse_integer(std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  bool prefix = false;
  if (digits.size() > 1 && digits[0] == '0') {
    const char letter = static_cast<char>(digits[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    prefix = true;
    digits.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
  }
  std::string plain;
  char previous = prefix ? '0' : '_';
  for (const char c : digits) {
    if (c == '_' && previous == '_') return std::nullopt;
    if (c != '_') plain += c;
    previous = c;
  }
  if (plain.empty() || previous == '_') return std::nullopt;
  uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), magnitude, base);
  if (error != std::errc() || end != plain.data() + plain.size()) return std::nullopt;

  Number number;
  number.is_float = true;
  constexpr uint64_t kMinMagnitude = uint64_t{1} << 63;
  if (magnitude < kMinMagnitude || (negative && magnitude == kMinMagnitude)) {
    number.is_int = true;
    number.integer = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
    number.floating = static_cast<double>(number.integer);
  } else if (!negative) {
    number.overflows_int = true;  // it is a uint64, which templates cannot hold
    number.floating = static_cast<double>(magnitude);
  } else {
    return std::nullopt;
  }
  return number;
}

class Parser {
 public:
  Parser(std::string_view name, std::string_view source,
         const std::function<bool(std::string_view)>& has_function)
      : parse_name_(name),
        source_(std::make_shared<const std::string>(source)),
        has_function_(has_function),
        tokens_(lex(*source_)) {}

  std::vector<std::shared_ptr<const Tree>> run() {
    NodePtr root = make(NodeKind::kList, 0);
    while (peek().kind != TokenKind::kEof) {
      if (peek().kind == TokenKind::kLeftDelim) {
        const size_t before = next_;
        ++next_;
        if (next_non_space().kind == TokenKind::kDefine) {
          definition();
          continue;
        }
        next_ = before;
      }
      NodePtr node = text_or_action();
      if (node->kind == NodeKind::kEnd || node->kind == NodeKind::kElse)
        fail("unexpected " + to_string(*node));
      root->children.push_back(std::move(node));
    }
    add(parse_name_, std::move(root));
    std::vector<std::shared_ptr<const Tree>> trees;
    for (auto& [name, tree] : trees_) trees.push_back(std::move(tree));
    return trees;
  }

 private:
  // --- tokens ---
  // The last token is kEof or kError, and neither is ever passed.
  const Token& peek() const { return tokens_[next_]; }
  const Token& next() {
    const Token& token = tokens_[next_];
    if (next_ + 1 < tokens_.size()) ++next_;
    return token;
  }
  void back() { --next_; }
  const Token& peek_non_space() {
    while (peek().kind == TokenKind::kSpace) ++next_;
    return peek();
  }
  const Token& next_non_space() {
    peek_non_space();
    return next();
  }
  const Token& expect(TokenKind kind, std::string_view context) {
    const Token& token = next_non_space();
    if (token.kind != kind) unexpected(token, context);
    return token;
  }

  [[noreturn]] void fail(const std::string& message) const {
    const Token& token = tokens_[next_ > 0 && next_ + 1 < tokens_.size() ? next_ - 1 : next_];
    throw Failure{fmt::format("template: {}:{}: {}", parse_name_, token.line, message)};
  }
  [[noreturn]] void unexpected(const Token& token, std::string_view context) const {
    if (token.kind != TokenKind::kError) fail(fmt::format("unexpected {} in {}", to_string(token), context));
    std::string message = token.message;
    if (action_line_ != 0 && action_line_ != token.line) {
      message += message.ends_with(" action") ? " started at " : " in action started at ";
      message += fmt::format("{}:{}", parse_name_, action_line_);
    }
    throw Failure{fmt::format("template: {}:{}: {}", parse_name_, token.line, message)};
  }

  // --- templates ---
  void add(const std::string& name, NodePtr root) {
    const auto found = trees_.find(name);
    if (found != trees_.end() && !is_blank(*found->second->root)) {
      if (!is_blank(*root)) fail("template: multiple definition of template " + quote(name));
      return;
    }
    trees_[name] = std::make_shared<const Tree>(Tree{name, parse_name_, source_, std::move(root)});
  }

  std::string template_name(const Token& token, std::string_view context) const {
    if (token.kind != TokenKind::kString && token.kind != TokenKind::kRawString) unexpected(token, context);
    std::optional<std::string> name = unquote(token.text);
    if (!name) fail("invalid syntax");
    return *name;
  }

  // A template inside: it sees no variables of its surroundings.
  NodePtr inner_list(std::string_view context) {
    std::vector<std::string> outer{"$"};
    outer.swap(variables_);
    const int outer_ranges = std::exchange(range_depth_, 0);
    NodePtr end;
    NodePtr list = item_list(end);
    if (end->kind != NodeKind::kEnd) fail(fmt::format("unexpected {} in {}", to_string(*end), context));
    range_depth_ = outer_ranges;
    outer.swap(variables_);
    return list;
  }

  void definition() {
    constexpr std::string_view kContext = "define clause";
    const std::string name = template_name(next_non_space(), kContext);
    expect(TokenKind::kRightDelim, kContext);
    add(name, inner_list(kContext));
  }

  // --- lists and actions ---
  NodePtr item_list(NodePtr& end) {
    const Nesting nesting(*this);
    NodePtr list = make(NodeKind::kList, peek_non_space().at);
    while (peek_non_space().kind != TokenKind::kEof) {
      NodePtr node = text_or_action();
      if (node->kind == NodeKind::kEnd || node->kind == NodeKind::kElse) {
        end = std::move(node);
        return list;
      }
      list->children.push_back(std::move(node));
    }
    fail("unexpected EOF");
  }

  NodePtr text_or_action() {
    const Token& token = next_non_space();
    if (token.kind == TokenKind::kText) {
      NodePtr node = make(NodeKind::kText, token.at);
      node->text = token.text;
      return node;
    }
    if (token.kind != TokenKind::kLeftDelim) unexpected(token, "input");
    action_line_ = token.line;
    NodePtr node = action();
    action_line_ = 0;
    return node;
  }

  NodePtr action() {
    const Token& token = next_non_space();
    switch (token.kind) {
      case TokenKind::kBlock:
        return block();
      case TokenKind::kBreak:
        return loop_word(token, NodeKind::kBreak, "{{break}}");
      case TokenKind::kContinue:
        return loop_word(token, NodeKind::kContinue, "{{continue}}");
      case TokenKind::kElse:
        return otherwise();
      case TokenKind::kEnd:
        return make(NodeKind::kEnd, expect(TokenKind::kRightDelim, "end").at);
      case TokenKind::kIf:
        return control(NodeKind::kIf, "if");
      case TokenKind::kRange:
        return control(NodeKind::kRange, "range");
      case TokenKind::kTemplate:
        return template_call();
      case TokenKind::kWith:
        return control(NodeKind::kWith, "with");
      default:
        break;
    }
    if (token.kind == TokenKind::kError) unexpected(token, "command");
    back();
    NodePtr node = make(NodeKind::kAction, peek().at);
    node->pipe = pipeline("command", TokenKind::kRightDelim);
    return node;
  }

  NodePtr loop_word(const Token& word, NodeKind kind, const char* text) {
    const Token& token = next_non_space();
    if (token.kind != TokenKind::kRightDelim) unexpected(token, text);
    if (range_depth_ == 0) fail(std::string(text) + " outside {{range}}");
    return make(kind, word.at);
  }

  NodePtr otherwise() {
    const Token& token = peek_non_space();
    // `{{else if ...` is `{{else}}{{if ...` without an end of its own: control() goes on there.
    if (token.kind != TokenKind::kIf && token.kind != TokenKind::kWith)
      expect(TokenKind::kRightDelim, "else");
    return make(NodeKind::kElse, token.at);
  }

  NodePtr control(NodeKind kind, const char* word) {
    const Nesting nesting(*this);
    const size_t outer_variables = variables_.size();
    NodePtr node = make(kind, 0);
    node->pipe = pipeline(word, TokenKind::kRightDelim);
    node->at = node->pipe->at;
    NodePtr end;
    range_depth_ += kind == NodeKind::kRange;
    node->body = item_list(end);
    range_depth_ -= kind == NodeKind::kRange;
    if (end->kind == NodeKind::kElse) {
      const TokenKind again = kind == NodeKind::kIf ? TokenKind::kIf : TokenKind::kWith;
      if (kind != NodeKind::kRange && peek().kind == again) {
        next();
        node->otherwise = make(NodeKind::kList, end->at);
        node->otherwise->children.push_back(control(kind, word));
      } else {
        node->otherwise = item_list(end);
        if (end->kind != NodeKind::kEnd) fail("expected end; found " + to_string(*end));
      }
    }
    variables_.resize(outer_variables);
    return node;
  }

  NodePtr block() {
    constexpr std::string_view kContext = "block clause";
    const Token& token = next_non_space();
    NodePtr node = make(NodeKind::kTemplate, token.at);
    node->text = template_name(token, kContext);
    node->pipe = pipeline(kContext, TokenKind::kRightDelim);
    add(node->text, inner_list(kContext));
    return node;
  }

  NodePtr template_call() {
    constexpr std::string_view kContext = "template clause";
    const Token& token = next_non_space();
    NodePtr node = make(NodeKind::kTemplate, token.at);
    node->text = template_name(token, kContext);
    if (peek_non_space().kind == TokenKind::kRightDelim) {
      next();
    } else {
      node->pipe = pipeline(kContext, TokenKind::kRightDelim);
    }
    return node;
  }

  // --- pipelines ---
  void declarations(Node& pipe, std::string_view context) {
    while (peek_non_space().kind == TokenKind::kVariable) {
      const size_t before = next_;
      const Token& variable = next();
      const Token& sign = peek_non_space();
      const bool comma = sign.kind == TokenKind::kChar && sign.text == ",";
      if (sign.kind != TokenKind::kAssign && sign.kind != TokenKind::kDeclare && !comma) {
        next_ = before;  // it is an operand
        return;
      }
      pipe.assigns = sign.kind == TokenKind::kAssign;
      next();
      // Go's NewVariable keeps dotted parts apart; only the first counts in a declaration.
      pipe.names.push_back(split_names(variable.text)[0]);
      variables_.push_back(pipe.names.back());
      if (!comma) return;
      if (context != "range" || pipe.names.size() >= 2)
        fail(fmt::format("too many declarations in {}", context));
      const TokenKind follows = peek_non_space().kind;
      if (follows != TokenKind::kVariable && follows != TokenKind::kRightDelim &&
          follows != TokenKind::kRightParen) {
        fail("range can only initialize variables");
      }
    }
  }

  NodePtr pipeline(std::string_view context, TokenKind end) {
    const Nesting nesting(*this);
    NodePtr pipe = make(NodeKind::kPipe, peek_non_space().at);
    declarations(*pipe, context);
    while (true) {
      const Token& token = next_non_space();
      if (token.kind == end) break;
      if (!starts_operand(token.kind)) unexpected(token, context);
      back();
      pipe->children.push_back(command());
    }
    if (pipe->children.empty()) fail(fmt::format("missing value for {}", context));
    for (size_t stage = 1; stage < pipe->children.size(); ++stage) {
      switch (pipe->children[stage]->children[0]->kind) {
        case NodeKind::kBool:
        case NodeKind::kDot:
        case NodeKind::kNil:
        case NodeKind::kNumber:
        case NodeKind::kString:
          fail(fmt::format("non executable command in pipeline stage {}", stage + 1));
        default:
          break;
      }
    }
    return pipe;
  }

  static bool starts_operand(TokenKind kind) {
    switch (kind) {
      case TokenKind::kBool:
      case TokenKind::kCharConstant:
      case TokenKind::kDot:
      case TokenKind::kField:
      case TokenKind::kIdentifier:
      case TokenKind::kNumber:
      case TokenKind::kNil:
      case TokenKind::kRawString:
      case TokenKind::kString:
      case TokenKind::kVariable:
      case TokenKind::kLeftParen:
        return true;
      default:
        return false;
    }
  }

  NodePtr command() {
    NodePtr node = make(NodeKind::kCommand, peek_non_space().at);
    while (true) {
      peek_non_space();
      if (NodePtr argument = operand()) node->children.push_back(std::move(argument));
      const Token& token = next();
      if (token.kind == TokenKind::kSpace) continue;
      if (token.kind == TokenKind::kRightDelim || token.kind == TokenKind::kRightParen) {
        back();
      } else if (token.kind != TokenKind::kPipe) {
        unexpected(token, "operand");
      }
      break;
    }
    if (node->children.empty()) fail("empty command");
    return node;
  }

  // A term and the fields behind it.
  NodePtr operand() {
    NodePtr node = term();
    if (!node || peek().kind != TokenKind::kField) return node;
    const size_t at = peek().at;
    std::vector<std::string> names;
    while (peek().kind == TokenKind::kField) names.emplace_back(next().text.substr(1));
    switch (node->kind) {
      case NodeKind::kField:
      case NodeKind::kVariable:
        node->at = at;
        node->names.insert(node->names.end(), names.begin(), names.end());
        return node;
      case NodeKind::kBool:
      case NodeKind::kString:
      case NodeKind::kNumber:
      case NodeKind::kNil:
      case NodeKind::kDot:
        fail("unexpected . after term " + quote(to_string(*node)));
      default:
        break;
    }
    NodePtr chain = make(NodeKind::kChain, at);
    chain->names = std::move(names);
    chain->children.push_back(std::move(node));
    return chain;
  }

  NodePtr term() {
    const Token& token = next_non_space();
    switch (token.kind) {
      case TokenKind::kIdentifier: {
        if (!has_function_(token.text)) fail("function " + quote(token.text) + " not defined");
        NodePtr node = make(NodeKind::kIdentifier, token.at);
        node->text = token.text;
        return node;
      }
      case TokenKind::kDot:
        return make(NodeKind::kDot, token.at);
      case TokenKind::kNil:
        return make(NodeKind::kNil, token.at);
      case TokenKind::kVariable:
        return variable(token);
      case TokenKind::kField: {
        NodePtr node = make(NodeKind::kField, token.at);
        node->names.emplace_back(token.text.substr(1));
        return node;
      }
      case TokenKind::kBool: {
        NodePtr node = make(NodeKind::kBool, token.at);
        node->flag = token.text == "true";
        return node;
      }
      case TokenKind::kCharConstant:
      case TokenKind::kNumber:
        return number(token);
      case TokenKind::kLeftParen:
        return pipeline("parenthesized pipeline", TokenKind::kRightParen);
      case TokenKind::kString:
      case TokenKind::kRawString: {
        const std::optional<std::string> text = unquote(token.text);
        if (!text) fail("invalid syntax");
        NodePtr node = make(NodeKind::kString, token.at);
        node->text = *text;
        node->source = token.text;
        return node;
      }
      case TokenKind::kEof:
      case TokenKind::kError:
        return nullptr;  // next() stays on it
      default:
        break;
    }
    back();
    return nullptr;
  }

  NodePtr variable(const Token& token) {
    NodePtr node = make(NodeKind::kVariable, token.at);
    node->names.emplace_back(token.text);
    if (std::find(variables_.begin(), variables_.end(), token.text) == variables_.end()) {
      fail("undefined variable " + quote(token.text));
    }
    return node;
  }

  NodePtr number(const Token& token) {
    NodePtr node = make(NodeKind::kNumber, token.at);
    node->text = token.text;
    Number& number = node->number;
    if (token.kind == TokenKind::kCharConstant) {
      const std::optional<std::string> text = unquote(token.text);
      if (!text || text->empty()) fail("malformed character constant: " + std::string(token.text));
      number.is_int = number.is_float = true;
      number.integer = static_cast<int64_t>(decode_rune(*text).value);
      number.floating = static_cast<double>(number.integer);
      return node;
    }
    if (const std::optional<Number> integer = parse_integer(token.text)) {
      number = *integer;
      return node;
    }
    const std::optional<double> value = parse_float(token.text);
    if (!value) fail("illegal number syntax: " + quote(token.text));
    if (token.text.find_first_of(".eEpP") == std::string_view::npos)
      fail("integer overflow: " + quote(token.text));
    number.is_float = true;
    number.floating = *value;
    if (*value >= -0x1p63 && *value < 0x1p63 && static_cast<double>(static_cast<int64_t>(*value)) == *value) {
      number.is_int = true;
      number.integer = static_cast<int64_t>(*value);
    }
    return node;
  }

  // Counts the recursion for as long as it lives.
  struct Nesting {
    explicit Nesting(Parser& owner) : parser(owner) {
      if (++parser.depth_ > kDepthMax) parser.fail("max expression depth exceeded");
    }
    ~Nesting() { --parser.depth_; }
    Parser& parser;
  };

  std::string parse_name_;
  std::shared_ptr<const std::string> source_;
  const std::function<bool(std::string_view)>& has_function_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  std::vector<std::string> variables_{"$"};
  int action_line_ = 0;  // of the {{ of the action being parsed; 0 outside
  int range_depth_ = 0;
  int depth_ = 0;
  std::map<std::string, std::shared_ptr<const Tree>> trees_;
};

}  // namespace

Result<std::vector<std::shared_ptr<const Tree>>> parse(
    std::string_view name, std::string_view source,
    const std::function<bool(std::string_view)>& has_function) {
  if (source.size() > kSourceBytesMax) {
    return limit_met(fmt::format("template: {}: longer than {} bytes", name, kSourceBytesMax));
  }
  try {
    return Parser(name, source, has_function).run();
  } catch (Failure& failure) {
    return invalid(std::move(failure.message));
  }
}

}  // namespace sluice::gotmpl
