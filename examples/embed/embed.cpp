// embed MODEL CARD...: four threads apply all cards to the lines of standard input, while the first card is reloaded repeatedly.
// Prints a line `TEXT<TAB>CARD<TAB>LABEL<TAB>PROBABILITY` for every text and card; cards are named after their folders.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <thread>

#include <cuecard.hpp>

using namespace cuecard::api;

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: embed MODEL CARD... <texts\n";
    return 2;
  }
  try {
    Model model(argv[1], {.threads = 2});
    const auto load = [&](const std::filesystem::path& card) { model.load_card(card, card.stem()); };
    for (int i = 2; i < argc; ++i)
      load(argv[i]);
    std::vector<Row> rows; // of all texts and cards: they share forward passes
    for (std::string text; std::getline(std::cin, text);)
      for (const std::string& card : model.cards())
        rows.push_back({text, card});

    constexpr std::size_t threads = 4;
    std::vector<std::vector<Answer>> answers(threads);
    std::vector<std::thread> senders;
    std::atomic<std::size_t> running = threads;
    for (std::size_t thread = 0; thread < threads; ++thread)
      senders.emplace_back([&, thread] {
        const std::size_t begin = rows.size() * thread / threads, end = rows.size() * (thread + 1) / threads;
        answers[thread] = model.predict({rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                         rows.begin() + static_cast<std::ptrdiff_t>(end)});
        --running;
      });
    while (running > 0) // the same card, so that the answers stay the same
      load(argv[2]);
    for (std::thread& sender : senders)
      sender.join();

    std::size_t row = 0;
    for (const std::vector<Answer>& part : answers)
      for (const Answer& answer : part) {
        std::cout << *rows[row++].text << '\t';
        if (answer.error) {
          std::cout << answer.error->what() << '\n';
          continue;
        }
        const auto best =
            std::ranges::find(answer.probabilities, answer.label, &std::pair<std::string, double>::first);
        std::cout << answer.card << '\t' << answer.label << '\t' << best->second << '\n';
      }
  } catch (const Error& error) {
    std::cerr << "embed: " << error.what() << '\n';
    return 1;
  }
}
