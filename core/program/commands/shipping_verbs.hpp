/// The commands that libcuecard-shipping runs (core/shipping): archives, indexes, installed plugins.
#pragma once

#include <string>
#include <vector>

#include "program/verb_table.hpp"

namespace cuecard::host {

std::vector<Verb> shipping_verbs();
bool is_shipping_verb(const std::string& name);

} // namespace cuecard::host
