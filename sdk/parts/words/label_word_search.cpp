#include <cuecard/parts/words/label_word_search.hpp>

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

bool has_letter(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
  });
}

/// Whether the verbalizer fills the answer slots of the task's examples.
bool fills_slots(const Task& task) {
  if (!task.train)
    return false;
  for (const Example& example : *task.train) {
    try {
      return !task.verbalizer.given_answers({example, false}).empty();
    } catch (const DataError&) {
      continue; // this example can't be used
    }
  }
  return false;
}

bool is_token(const Vocabulary& vocabulary, const std::string& text, int64_t id) {
  const std::vector<Token> tokens = vocabulary.encode_continuation(text);
  return tokens.size() == 1 && tokens[0].id == id;
}

} // namespace

const Task& word_search_task(const Problem& problem, const std::string& tuner) {
  if (problem.tasks.size() != 1)
    throw UsageError(tuner + " searches for one task; " + std::to_string(problem.tasks.size()) + " are given.");
  const Task& task = problem.tasks[0];
  if (task.multi_label)
    throw UsageError("task \"" + task.name + "\" has several labels for one example, and " + tuner +
                     " searches by the one label of each: use a tuner that trains by gradients, such as "
                     "\"prompt-tuning\".");
  if (!task.prompt_template.soft_slots().empty())
    throw UsageError("the template of task \"" + task.name + "\" has soft slots, and " + tuner +
                     " searches words, not soft tokens: remove them, or use the tuner \"prompt-tuning\".");
  if (!task.verbalizer.parameters().empty())
    throw UsageError(
        tuner +
        " needs a verbalizer without trainable parameters: choose one with label words, such as \"manual\".");
  return task;
}

void require_label_search(const Task& task, const std::string& off) {
  if (task.verbalizer.num_answer_slots() != 1 || task.labels.size() < 2)
    throw UsageError("label words are searched for one answer slot and several labels; task \"" + task.name +
                     "\" has " + std::to_string(task.labels.size()) +
                     " labels, and its verbalizer another number of answer slots: set " + off + ".");
  if (fills_slots(task))
    throw UsageError("label words are searched at an open answer slot, and the verbalizer of task \"" +
                     task.name + "\" fills it with whole words: set " + off +
                     ", or \"multi-token-handler\" to first, max or mean.");
}

std::string word_of_token(const Vocabulary& vocabulary, int64_t id) {
  const std::string text = vocabulary.decode(std::vector<int64_t>{id});
  return text.starts_with(' ') ? text.substr(1) : text;
}

std::vector<int64_t> single_token_words(const Vocabulary& vocabulary, int64_t limit) {
  std::vector<int64_t> ids;
  for (int64_t id = 0; id < std::min(limit, vocabulary.size()); ++id) {
    if (vocabulary.is_special(id))
      continue;
    try {
      const std::string word = word_of_token(vocabulary, id);
      if (has_letter(word) && is_token(vocabulary, " " + word, id))
        ids.push_back(id);
    } catch (const DataError&) {
      continue; // an unused id
    }
  }
  return ids;
}

std::vector<std::vector<std::string>> set_label_words(Engine& engine, int64_t task,
                                                      const std::vector<std::vector<int64_t>>& ids) {
  Problem& problem = engine.problem();
  Task& target = problem.tasks.at(static_cast<std::size_t>(task));
  std::vector<std::vector<std::string>> words;
  for (const std::vector<int64_t>& of_label : ids) {
    words.emplace_back();
    for (const int64_t id : of_label)
      words.back().push_back(word_of_token(problem.vocabulary, id));
  }
  target.verbalizer.prepare(
      {problem.vocabulary, problem.backbone, target.labels, words, {}, {}, {}, problem.seed});
  for (std::size_t label = 0; label < ids.size(); ++label) {
    const std::vector<std::string> answer = target.verbalizer.answer_text(static_cast<int64_t>(label));
    if (answer.size() != 1 || !is_token(problem.vocabulary, answer[0], ids[label].at(0)))
      throw UsageError("label words are searched among tokens that begin with a space, and the verbalizer of "
                       "task \"" +
                       target.name + "\" spells \"" + words[label][0] + "\" as \"" +
                       (answer.empty() ? "" : answer[0]) + "\": leave its option \"prefix\" at one space.");
  }
  engine.rerender();
  refit_verbalizer(engine, task);
  return words;
}

void refit_verbalizer(Engine& engine, int64_t task) {
  const Task& refitted = engine.problem().tasks.at(static_cast<std::size_t>(task));
  std::vector<const Example*> examples;
  if (refitted.train)
    for (const Example& example : *refitted.train)
      examples.push_back(&example);
  Scorer& scorer = engine.scorer(task);
  refitted.verbalizer.calibrate(scorer);
  refitted.verbalizer.fit({scorer, examples});
}

} // namespace cuecard
