#include <cuecard/tuner.hpp>

namespace cuecard {

void* Engine::extension(std::string_view) {
  return nullptr;
}

bool Tuner::adopt(const Conditioning&, std::string& why) {
  why = "this method can't import parameters that another tool trained";
  return false;
}

} // namespace cuecard
