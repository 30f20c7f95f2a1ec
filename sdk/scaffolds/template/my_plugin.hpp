/// The template `my-plugin`: Cuecard's template language with a line before every prompt.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/parts/template/grammar_template.hpp>

namespace my_plugin {

class MyPlugin final : public cuecard::GrammarTemplate {
public:
  explicit MyPlugin(const cuecard::Options& options);

protected:
  void finish(cuecard::Prompt& prompt, const cuecard::Example* example) const override;

private:
  std::string line_;
};

} // namespace my_plugin
