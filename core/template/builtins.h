#pragma once
// The functions every template has, and the methods of times and durations.

#include "core/template/template.h"

namespace sluice::gotmpl {

// `and` and `or` are in the table so that their arguments are counted; the engine evaluates them, because
// they stop early.
const Functions& builtins();

// Methods of kTime and kDuration values, or null.
const Method* builtin_method(Kind kind, std::string_view name);

}  // namespace sluice::gotmpl
