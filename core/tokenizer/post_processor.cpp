#include "tokenizer/post_processor.hpp"

namespace cuecard::tokenizer {
namespace {

PostProcessor read_template(const Field& settings) {
  PostProcessor processor;
  const auto special_tokens = settings.find("special_tokens");
  bool after_sequence = false;
  const Field single = settings.at("single");
  for (const Field& piece : single.items()) {
    if (piece.find("Sequence")) {
      if (after_sequence)
        piece.fail("is a second sequence, but a template for a single sequence must have exactly one.");
      after_sequence = true;
      continue;
    }
    const Field name = piece.at("SpecialToken").at("id");
    const auto token = special_tokens ? special_tokens->find(name.string()) : std::nullopt;
    if (!token)
      name.fail("is \"" + name.string() + "\", which is not in the template's special_tokens.");
    for (const Field& id : token->at("ids").items())
      (after_sequence ? processor.suffix : processor.prefix).push_back(id.integer(0, INT32_MAX));
  }
  if (!after_sequence)
    single.fail("has no sequence ({\"Sequence\": {\"id\": \"A\"}}).");
  return processor;
}

/// The id in `["[CLS]", 101]`.
int64_t read_named_id(const Field& pair) {
  const std::vector<Field> items = pair.items();
  if (items.size() != 2)
    pair.fail("should be a token and its id.");
  return items[1].integer(0, INT32_MAX);
}

PostProcessor read_cls_and_sep(const Field& settings) {
  PostProcessor processor;
  processor.cls = read_named_id(settings.at("cls"));
  processor.sep = read_named_id(settings.at("sep"));
  processor.prefix = {*processor.cls};
  processor.suffix = {*processor.sep};
  return processor;
}

/// Later steps wrap the output of earlier ones.
PostProcessor read_sequence(const Field& settings) {
  PostProcessor result;
  for (const Field& item : settings.at("processors").items()) {
    PostProcessor step = read_post_processor(item);
    result.prefix.insert(result.prefix.begin(), step.prefix.begin(), step.prefix.end());
    result.suffix.insert(result.suffix.end(), step.suffix.begin(), step.suffix.end());
    result.cls = step.cls ? step.cls : result.cls;
    result.sep = step.sep ? step.sep : result.sep;
    result.trim_offsets = result.trim_offsets || step.trim_offsets;
  }
  return result;
}

} // namespace

// The package tells these by their keys, whatever the type says: those of RoBERTa trim offsets only if it has
// both of its own keys.
PostProcessor read_post_processor(const Field& settings) {
  const std::string type = settings.string("type", "");
  if (settings.has({"cls", "sep"}) || type == "BertProcessing" || type == "RobertaProcessing") {
    PostProcessor processor = read_cls_and_sep(settings);
    processor.trim_offsets =
        settings.has({"trim_offsets", "add_prefix_space"}) && settings.flag("trim_offsets", true);
    return processor;
  }
  if (type == "TemplateProcessing" || settings.has({"single", "pair", "special_tokens"}))
    return read_template(settings);
  if (type == "ByteLevel") {
    PostProcessor processor;
    processor.trim_offsets = settings.flag("trim_offsets", true);
    return processor;
  }
  if (type == "Sequence")
    return read_sequence(settings);
  settings.at("type").fail_unknown(
      type, {"TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel", "Sequence"});
}

} // namespace cuecard::tokenizer
