#include "tokenizer/models/model.hpp"
#include "tokenizer/models/unknown_token.hpp"

namespace cuecard::tokenizer {
namespace {

class WordLevel final : public Model {
public:
  WordLevel(const Field& settings, const Pieces& pieces)
      : pieces_(pieces), unknown_(settings, settings.string("unk_token", "<unk>"), pieces) {}

  void tokenize(std::string_view word, std::vector<Subword>& to) const override {
    const auto id = pieces_.id(word);
    to.push_back({id ? *id : unknown_.id(word), 0, static_cast<uint32_t>(word.size())});
  }

  std::string name() const override { return "WordLevel"; }

private:
  const Pieces& pieces_;
  UnknownToken unknown_;
};

} // namespace

std::unique_ptr<const Model> make_wordlevel(const Field& settings, const Pieces& pieces) {
  return std::make_unique<WordLevel>(settings, pieces);
}

} // namespace cuecard::tokenizer
