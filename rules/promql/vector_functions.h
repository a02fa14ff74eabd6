#pragma once
// Functions that look at more than one number: at labels, at a whole vector, or at the evaluation itself.

#include <vector>

#include "rules/promql/function_body.h"

namespace sluice::promql {

BlockPtr absent_function(Evaluator&, const Call&, const Expr&, const Grid&);
BlockPtr absent_over_time(Evaluator&, const Call&, const Expr&, const Grid&);
BlockPtr sort_ascending(Evaluator&, const Call&, const Expr&, const Grid&);
BlockPtr sort_descending(Evaluator&, const Call&, const Expr&, const Grid&);
BlockPtr timestamp_function(Evaluator&, const Call&, const Expr&, const Grid&);
BlockPtr vector_function(Evaluator&, const Call&, const Expr&, const Grid&);
std::vector<double> pi_function(Evaluator&, const Call&, const Grid&);
std::vector<double> scalar_function(Evaluator&, const Call&, const Grid&);
std::vector<double> time_function(Evaluator&, const Call&, const Grid&);

// label_functions.cc
BlockPtr label_join(Evaluator&, const Call&, const Expr&, const Grid&);
BlockPtr label_replace(Evaluator&, const Call&, const Expr&, const Grid&);

// histogram_functions.cc
BlockPtr histogram_fraction(Evaluator&, const Call&, const Expr&, const Grid&);
BlockPtr histogram_quantile(Evaluator&, const Call&, const Expr&, const Grid&);
// Of functions that read native histograms alone: floats are not for them.
BlockPtr native_histograms_only(Evaluator&, const Call&, const Expr&, const Grid&);

}  // namespace sluice::promql
