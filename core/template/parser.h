#pragma once
// Makes trees of a template's source.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/template/syntax.h"

namespace sluice::gotmpl {

// The tree of `source` itself under `name`, and one for each template it defines. Error: "template:
// NAME:LINE: message".
Result<std::vector<std::shared_ptr<const Tree>>> parse(
    std::string_view name, std::string_view source,
    const std::function<bool(std::string_view)>& has_function);

}  // namespace sluice::gotmpl
