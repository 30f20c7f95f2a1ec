#include <iostream>

#include <cuecard.hpp>

int main() {
  cuecard::api::Model model("MODEL");
  model.load_card("sentiment.card");
  for (const auto& answer : model.predict({{"A quiet, tender film."}, {"Two hours of noise."}}))
    std::cout << answer.label << '\n';
}
