#pragma once
// Standard base64 (RFC 4648 section 4), padded.

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

std::string base64_encode(std::string_view bytes);
// Empty when the text is not exactly what base64_encode() would have made.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace sluice
