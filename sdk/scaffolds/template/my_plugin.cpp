#include "my_plugin.hpp"

namespace my_plugin {

MyPlugin::MyPlugin(const cuecard::Options& options) : GrammarTemplate(options), line_(options.text("line")) {}

void MyPlugin::finish(cuecard::Prompt& prompt, const cuecard::Example*) const {
  prompt.input.insert(prompt.input.begin(), cuecard::Piece::text_of(line_ + "\n"));
}

} // namespace my_plugin
