#include "exporters/detail.h"

#include "core/labels.h"

namespace sluice::exporters {
namespace {

size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

}  // namespace

std::string one_line(std::string_view text, size_t bytes_max) {
  std::string out;
  size_t cut = 0;  // where the text ends should "..." have to follow
  for (size_t i = 0; i < text.size();) {
    const size_t length = sequence_length(static_cast<unsigned char>(text[i]));
    std::string_view character = text.substr(i, length == 0 ? 1 : length);
    if (length == 0 || !is_valid_utf8(character)) {
      character = "?";
      i += 1;
    } else {
      i += character.size();
      if (static_cast<unsigned char>(character[0]) < ' ' || character == "\x7f") character = " ";
    }
    if (character == " " && (out.empty() || out.back() == ' ')) continue;
    if (out.size() + character.size() > bytes_max) {
      out.resize(cut);
      return out + "...";
    }
    out += character;
    if (out.size() + 3 <= bytes_max) cut = out.size();
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace sluice::exporters
