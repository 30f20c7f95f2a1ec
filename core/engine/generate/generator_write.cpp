// Generation for prompts that are all there from the beginning.
#include "engine/generate/generator.hpp"

#include <optional>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// The prompts of one call of `write`.
class ListedPrompts final : public PromptSource {
public:
  ListedPrompts(const std::vector<PackItem>& items, const GenerateSettings& settings,
                const TokenCallback& callback)
      : items_(items), settings_(std::make_shared<const GenerateSettings>(settings)), callback_(callback),
        texts_(items.size()) {}

  std::optional<PendingPrompt> next() override {
    if (next_ == items_.size())
      return std::nullopt;
    const PackItem& item = items_[next_];
    const auto number = static_cast<int64_t>(next_++);
    return PendingPrompt{number, number, *item.prompt, item.example, item.card, settings_};
  }
  bool token(int64_t number, std::span<const int64_t> ids) override {
    if (callback_ && !callback_(number, ids))
      throw Cancelled();
    return true;
  }
  void finished(int64_t number, std::vector<Generated> texts, int64_t) override {
    texts_[static_cast<std::size_t>(number)] = std::move(texts);
  }
  std::vector<std::vector<Generated>> texts() { return std::move(texts_); }

private:
  const std::vector<PackItem>& items_;
  const std::shared_ptr<const GenerateSettings> settings_;
  const TokenCallback& callback_;
  std::size_t next_ = 0;
  std::vector<std::vector<Generated>> texts_;
};

} // namespace

std::vector<std::vector<Generated>> Generator::write(const std::vector<PackItem>& prompts,
                                                     const Condition& condition,
                                                     const GenerateSettings& settings,
                                                     const TokenCallback& callback) {
  check(settings, model_.shape());
  ListedPrompts listed(prompts, settings, callback);
  run(listed, condition);
  return listed.texts();
}

} // namespace cuecard
