#pragma once
// The functions of PromQL: one row each. The parser reads names and types here, the evaluator the
// implementation, and tests and documentation walk the same table.

#include <span>
#include <string_view>

#include "rules/promql/ast.h"

namespace sluice::promql {

struct FunctionBody;  // function_body.h: what the evaluator calls

struct Function {
  std::string_view name;
  std::span<const ValueType> arguments;
  // 0: exactly the arguments listed. n > 0: the last may be missing or repeated, up to n times. -1: any
  // number of times.
  int variadic = 0;
  ValueType result = ValueType::kVector;
  bool experimental = false;  // known, and refused
  std::string_view help;
  const FunctionBody* body = nullptr;  // null for experimental ones
};

// All of them, sorted by name.
std::span<const Function> functions();
// Null when there is none of that name.
const Function* find_function(std::string_view name);

}  // namespace sluice::promql
