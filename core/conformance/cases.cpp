#include "conformance/case.hpp"

namespace cuecard::conformance {

std::vector<std::pair<std::string, std::string>> Subject::options() const {
  std::vector<std::pair<std::string, std::string>> declared;
  for (const auto& each : set)
    for (const OptionInfo& option : info().options)
      if (option.name == each.first)
        declared.push_back(each);
  return declared;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> list = [] {
    std::vector<Case> all = plugin_cases();
    for (const auto& part : {linking_cases(), component_cases(), tuner_cases(), verbalizer_cases(),
                             template_cases(), backbone_cases()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return list;
}

} // namespace cuecard::conformance
