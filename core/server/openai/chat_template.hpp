/// How the base model is prompted: with a text as it is, or with a chat in the model's own format.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/parts/template/chat_format.hpp>
#include <cuecard/template.hpp>

namespace cuecard::server {

/// The model's chat format, or why it has none.
struct ChatWriting {
  std::optional<ChatFormat> format;
  std::string problem;
};

/// `name`: "auto" or the name of a format. UsageError for a named format that the vocabulary can't write.
ChatWriting chat_writing(const std::string& name, const Vocabulary& vocabulary);

/// One message of a chat.
struct ChatMessage {
  std::string role; ///< system, user or assistant
  std::string text;
};

/// A chat as an example for ChatTemplate.
Example chat_example(const std::vector<ChatMessage>& messages);

/// A template for examples of either kind. A chat is rendered by the template that a person would write for its roles, so that texts of
/// messages never become special tokens; chats with the same roles share it. A chat is not shortened.
class ChatTemplate final : public Template {
public:
  /// `texts` renders all other examples; it is prepared.
  ChatTemplate(std::shared_ptr<Template> texts, std::string format, const TemplateTarget& target)
      : texts_(std::move(texts)), format_(std::move(format)), target_(target) {}

  void prepare(const TemplateTarget& target) override { texts_->prepare(target); }
  std::vector<std::string> fields() const override { return texts_->fields(); }
  std::vector<Prompt> render(const RenderArgs& args) const override;
  Prompt blank() const override { return texts_->blank(); }
  const std::vector<SoftSlot>& soft_slots() const override { return texts_->soft_slots(); }
  int64_t answer_slots() const override { return texts_->answer_slots(); }
  const std::vector<int64_t>& triggers() const override { return texts_->triggers(); }
  void set_triggers(const std::vector<int64_t>& ids) override { texts_->set_triggers(ids); }
  std::string source() const override { return texts_->source(); }
  void set_source(const std::string& source) override { texts_->set_source(source); }

private:
  const std::shared_ptr<Template> texts_;
  const std::string format_;
  const TemplateTarget target_;
  mutable std::mutex mutex_;
  mutable std::pair<std::string, std::shared_ptr<const Template>> last_; ///< by roles
};

} // namespace cuecard::server
