#pragma once
// Where in an HTML document the next value stands, and how it is written so that it stays a value there.
//
//     <a href="{{ .URL }}" title="{{ .Name }}">{{ .Name }}</a>
//
// The first is an address: a scheme that is not http, https or mailto becomes "#ZgotmplZ", and what an
// address cannot hold is percent-encoded. The others are text, with & < > and quotes as entities.
//
// Go's html/template works this out ahead of time, for every branch of a template; here the document is
// followed while it is written, which comes to the same for every template that Go accepts. Differently from
// Go, nothing is printed into scripts: no mail program runs them.

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::gotmpl {

// What a value says of itself, by the last function of its pipeline.
enum class Markup { kNone, kHtml, kUrl, kDone };  // safeHtml; safeUrl; html and urlquery: escaped already

class HtmlPosition {
 public:
  // The template's own text.
  void follow(std::string_view text);
  // `value` as it is to be written here.
  std::string fit(std::string_view value, Markup markup);

 private:
  enum class State : uint8_t {
    kText,
    kLess,         // behind "<"
    kBang,         // behind "<!"
    kDeclaration,  // <!DOCTYPE ...
    kComment,
    kElement,  // in the name
    kTag,      // between attributes
    kName,     // in an attribute's name
    kAfterName,
    kBeforeValue,
    kValue,
    kRaw  // in an element whose content is no markup
  };
  enum class Holds : uint8_t { kText, kUrl, kStyle, kScript };  // an attribute

  void step(char c);
  void end_of_tag();
  static Holds holds(std::string_view attribute);
  std::string fit_attribute(std::string_view value, Markup markup);

  State state_ = State::kText;
  bool closing_ = false;  // the tag is </...>
  char quote_ = 0;        // around the value; 0: none
  Holds holds_ = Holds::kText;
  enum class Part : uint8_t { kStart, kPath, kQuery } part_ = Part::kStart;  // of a URL
  std::string element_, attribute_;  // lower case, cut where no known one is so long
  std::string tail_;                 // of a comment or raw text, as far as its end asks
};

}  // namespace sluice::gotmpl
