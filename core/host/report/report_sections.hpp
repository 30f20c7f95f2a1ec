/// The sections of the page for one run.
#pragma once

#include <string>

#include "host/report/report_page.hpp"

namespace cuecard::host {

/// Counts of gold and predicted labels, as a table.
std::string confusion_matrix(const ReportedRun& run);

/// The worst mistakes, with the tokens that the model read.
std::string mistakes_of(const ReportedRun& run);

/// The run's row in the table of pairs of cards.
std::string pair_of(const ReportedRun& run);

/// Model, data, date, command, template and options; "" if its output has none of them.
std::string description_of(const ReportedRun& run);

} // namespace cuecard::host
