#include "core/template/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/template/quote.h"

namespace sluice::gotmpl {
namespace {

constexpr size_t kNameBytesMax = 64;
// What stands for a value that would not stay one. Go's html/template writes the same, and people search for
// it.
constexpr std::string_view kUnsafe = "ZgotmplZ";

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_alphanumeric(char c) {
  return is_letter(c) || (c >= '0' && c <= '9');
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

void append_name(std::string& name, char c) {
  if (name.size() < kNameBytesMax) name += lower(c);
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// As a whole address (`normalize`: its own delimiters and escapes stay), or as one value inside of one.
std::string url_encoded(std::string_view text, bool normalize) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool plain = is_alphanumeric(c) || std::string_view("-._~").find(c) != std::string_view::npos;
    const bool delimiter = std::string_view("!#$&*+,/:;=?@[]").find(c) != std::string_view::npos;
    const bool escape = c == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]);
    if (plain || (normalize && (delimiter || escape))) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// An address without a scheme, or with one that leads nowhere unexpected.
bool is_safe_url(std::string_view url) {
  const size_t colon = url.find(':');
  if (colon == std::string_view::npos || url.substr(0, colon).find_first_of("/?#") != std::string_view::npos)
    return true;
  return is_one_of(lowered(url.substr(0, colon)), {"http", "https", "mailto"});
}

// A number, a colour, a word: what cannot leave its place in a style sheet.
std::string css_value(std::string_view text) {
  const std::string name = lowered(text);
  const bool leaves = text.find_first_of(std::string_view("\0\"'()/;@[\\]`{}<>", 16)) != text.npos ||
                      text.find("--") != text.npos || name.find("expression") != name.npos ||
                      name.find("mozbinding") != name.npos;
  return std::string(leaves ? kUnsafe : text);
}

// Without quotes around it, a value also ends at a blank.
std::string unquoted(std::string_view escaped) {
  if (escaped.empty()) return std::string(kUnsafe);
  std::string out;
  for (const char c : escaped) {
    if (is_space(c) || c == '\v' || c == '=' || c == '`') {
      fmt::format_to(std::back_inserter(out), "&#{};", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

// Source of the names: html/template's attributes by content type, and its rules for names it does not know.
HtmlPosition::Holds HtmlPosition::holds(std::string_view attribute) {
  if (attribute.starts_with("data-")) {
    attribute.remove_prefix(5);
  } else if (const size_t colon = attribute.find(':'); colon != std::string_view::npos) {
    if (attribute.substr(0, colon) == "xmlns") return Holds::kUrl;
    attribute.remove_prefix(colon + 1);
  }
  if (attribute.starts_with("on")) return Holds::kScript;
  if (attribute == "style") return Holds::kStyle;
  const bool url = is_one_of(attribute, {"action", "archive", "background", "cite", "classid", "codebase",
                                         "data", "formaction", "href", "icon", "longdesc", "manifest",
                                         "poster", "profile", "src", "srcset", "usemap", "xmlns"}) ||
                   attribute.find("src") != attribute.npos || attribute.find("uri") != attribute.npos ||
                   attribute.find("url") != attribute.npos;
  return url ? Holds::kUrl : Holds::kText;
}

void HtmlPosition::follow(std::string_view text) {
  for (const char c : text) step(c);
}

void HtmlPosition::end_of_tag() {
  tail_.clear();
  const bool raw = !closing_ && is_one_of(element_, {"script", "style", "textarea", "title"});
  state_ = raw ? State::kRaw : State::kText;
}

void HtmlPosition::step(char c) {
  switch (state_) {
    case State::kText:
      if (c == '<') state_ = State::kLess;
      return;
    case State::kLess:
      closing_ = c == '/';
      element_.clear();
      if (is_letter(c)) append_name(element_, c);
      tail_.clear();
      state_ = c == '!' ? State::kBang : closing_ || is_letter(c) ? State::kElement : State::kText;
      return;
    case State::kBang:
      tail_ += c;
      if (tail_ == "-") return;
      state_ = tail_ == "--" ? State::kComment : c == '>' ? State::kText : State::kDeclaration;
      tail_.clear();
      return;
    case State::kDeclaration:
      if (c == '>') state_ = State::kText;
      return;
    case State::kComment:
      if (c == '>' && tail_ == "--") {
        state_ = State::kText;
      } else if (c != '-') {
        tail_.clear();
      } else if (tail_.size() < 2) {
        tail_ += c;
      }
      return;
    case State::kElement:
      if (c == '>') {
        end_of_tag();
      } else if (is_space(c) || c == '/') {
        state_ = State::kTag;
      } else {
        append_name(element_, c);
      }
      return;
    case State::kAfterName:
      if (c == '=') {
        state_ = State::kBeforeValue;
        return;
      }
      [[fallthrough]];
    case State::kTag:
      if (c == '>') {
        end_of_tag();
      } else if (!is_space(c) && c != '/') {
        attribute_.clear();
        append_name(attribute_, c);
        state_ = State::kName;
      }
      return;
    case State::kName:
      if (c == '=') {
        state_ = State::kBeforeValue;
      } else if (c == '>') {
        end_of_tag();
      } else if (is_space(c) || c == '/') {
        state_ = c == '/' ? State::kTag : State::kAfterName;
      } else {
        append_name(attribute_, c);
      }
      return;
    case State::kBeforeValue:
      if (c == '>') return end_of_tag();
      if (is_space(c)) return;
      quote_ = c == '"' || c == '\'' ? c : '\0';
      holds_ = holds(attribute_);
      part_ = Part::kStart;
      state_ = State::kValue;
      if (quote_ == 0) step(c);
      return;
    case State::kValue:
      if (quote_ != 0 ? c == quote_ : is_space(c)) {
        state_ = State::kTag;
      } else if (quote_ == 0 && c == '>') {
        end_of_tag();
      } else if (c == '?' || c == '#') {
        part_ = Part::kQuery;
      } else if (part_ == Part::kStart && !is_space(c)) {
        part_ = Part::kPath;
      }
      return;
    case State::kRaw: {
      tail_ += lower(c);
      const size_t bytes = element_.size() + 2;
      if (tail_.size() > bytes) tail_.erase(0, tail_.size() - bytes);
      if (tail_.size() < bytes || !tail_.starts_with("</") || !tail_.ends_with(element_)) return;
      closing_ = true;
      state_ = State::kElement;
      return;
    }
  }
}

std::string HtmlPosition::fit(std::string_view value, Markup markup) {
  switch (state_) {
    case State::kText:
      if (markup != Markup::kHtml && markup != Markup::kDone) return html_escaped(value);
      follow(value);
      return std::string(value);
    case State::kRaw:
      if (element_ == "script") return "";
      if (element_ == "style") return css_value(value);
      return markup == Markup::kDone ? std::string(value) : html_escaped(value);
    case State::kBang:
    case State::kDeclaration:
    case State::kComment:
      return "";
    case State::kBeforeValue:
      quote_ = 0;
      holds_ = holds(attribute_);
      part_ = Part::kStart;
      state_ = State::kValue;
      return fit_attribute(value, markup);
    case State::kValue:
      return fit_attribute(value, markup);
    default: {
      const std::string name = lowered(value);
      const bool word = !name.empty() && std::all_of(name.begin(), name.end(), is_alphanumeric);
      if (!word || holds(name) != Holds::kText) return std::string(kUnsafe);
      follow(name);
      return name;
    }
  }
}

std::string HtmlPosition::fit_attribute(std::string_view value, Markup markup) {
  std::string out;
  switch (holds_) {
    case Holds::kScript:
      return "";
    case Holds::kStyle:
      out = css_value(value);
      break;
    case Holds::kText:
      out = value;
      break;
    case Holds::kUrl:
      if (markup == Markup::kDone) {
        out = value;
      } else if (part_ == Part::kStart && markup != Markup::kUrl && !is_safe_url(value)) {
        out = "#" + std::string(kUnsafe);
      } else {
        out = url_encoded(value, part_ != Part::kQuery || markup == Markup::kUrl);
      }
      if (part_ == Part::kStart && !value.empty()) part_ = Part::kPath;
      break;
  }
  if (markup != Markup::kDone) out = html_escaped(out);
  return quote_ == 0 ? unquoted(out) : out;
}

}  // namespace sluice::gotmpl
