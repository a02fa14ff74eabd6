#include "exporters/http/http_date.h"

#include <ctime>
#include <string>

namespace sluice::exporters::http {

std::optional<Timestamp> parse_http_date(std::string_view text) {
  if (text.size() < 20 || text.size() > 40) return {};
  const std::string copy(text);
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"}) {
    std::tm calendar{};
    const char* end = strptime(copy.c_str(), format, &calendar);
    if (end == nullptr || *end != '\0') continue;
    const std::time_t seconds = timegm(&calendar);
    return from_unix_ms(static_cast<int64_t>(seconds) * 1000);
  }
  return {};
}

}  // namespace sluice::exporters::http
