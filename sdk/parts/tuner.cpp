#include <cuecard/tuner.hpp>

namespace cuecard {

bool Tuner::adopt(const Conditioning&, std::string& why) {
  why = "this method takes nothing that another tool learned";
  return false;
}

} // namespace cuecard
