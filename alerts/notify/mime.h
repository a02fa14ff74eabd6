#pragma once
// The pieces a mail is made of (RFC 5322, 2045 to 2047), as Go's mime packages write them for Alertmanager.

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"

namespace sluice::alerts::notify {

// The addresses of `Ops <ops@example.com>, "Doe, Jane" <jane@example.com>, root@localhost`, without display
// names. kInvalid when that is no such list, or one of them could break out of an SMTP command.
Result<std::vector<std::string>> mail_addresses(std::string_view list);

// The value of a header: printable ASCII as it is, everything else (line ends too) as encoded words of at
// most 75 characters.
std::string header_value(std::string_view text);

// Lines of at most 76 characters with CRLF ends; LF and CRLF in `text` are line ends.
std::string quoted_printable(std::string_view text);

// "Mon, 23 Nov 2026 00:15:00 +0000"
std::string mail_date(Timestamp at);

}  // namespace sluice::alerts::notify
