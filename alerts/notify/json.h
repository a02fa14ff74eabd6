#pragma once
// What the kinds of integrations write the same way.

#include <boost/json.hpp>

#include "core/labels.h"

namespace sluice::alerts::notify {

boost::json::object to_json(const Labels& labels, boost::json::storage_ptr memory = {});

}  // namespace sluice::alerts::notify
