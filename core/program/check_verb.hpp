/// The declaration of `cuecard plugin check`.
#pragma once

#include "program/verb_table.hpp"

namespace cuecard::host {

Verb check_verb();

} // namespace cuecard::host
