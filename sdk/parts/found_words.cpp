#include <cuecard/parts/found_words.hpp>

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

bool is_token(const Vocabulary& vocabulary, const std::string& text, int64_t id) {
  const std::vector<Token> tokens = vocabulary.encode(text);
  return tokens.size() == 1 && tokens[0].id == id;
}

} // namespace

const Task& word_search_task(const Problem& problem, const std::string& tuner) {
  if (problem.tasks.size() != 1)
    throw UsageError(tuner + " searches for one task; " + std::to_string(problem.tasks.size()) + " are given.");
  const Task& task = problem.tasks[0];
  if (!task.prompt_template.soft_slots().empty())
    throw UsageError("the template of task \"" + task.name + "\" has soft slots, and " + tuner +
                     " finds words, not rows: take them out, or use the tuner \"prompt-tuning\".");
  if (!task.verbalizer.parameters().empty())
    throw UsageError(tuner + " searches words for a verbalizer that needs no gradient steps of its own: choose "
                             "one with label words, such as \"manual\".");
  return task;
}

void require_label_search(const Task& task, const std::string& off) {
  if (task.verbalizer.answers() != 1 || task.labels.size() < 2)
    throw UsageError("label words are searched for one answer slot and several labels; task \"" + task.name +
                     "\" has " + std::to_string(task.labels.size()) +
                     " labels, and its verbalizer reads another number of slots: set " + off + ".");
}

std::string spelled_word(const Vocabulary& vocabulary, int64_t id) {
  const std::string text = vocabulary.decode(std::vector<int64_t>{id});
  return text.starts_with(' ') ? text.substr(1) : text;
}

std::vector<int64_t> one_token_words(const Vocabulary& vocabulary, int64_t rows) {
  std::vector<int64_t> ids;
  for (int64_t id = 0; id < std::min(rows, vocabulary.size()); ++id) {
    if (vocabulary.is_special(id))
      continue;
    try {
      const std::string word = spelled_word(vocabulary, id);
      if (has_letter(word) && is_token(vocabulary, " " + word, id))
        ids.push_back(id);
    } catch (const DataError&) {
      continue; // a gap in the vocabulary
    }
  }
  return ids;
}

std::vector<std::vector<std::string>> give_label_words(Engine& engine, int64_t task,
                                                       const std::vector<std::vector<int64_t>>& ids) {
  Problem& problem = engine.problem();
  Task& given = problem.tasks.at(static_cast<std::size_t>(task));
  std::vector<std::vector<std::string>> words;
  for (const std::vector<int64_t>& own : ids) {
    words.emplace_back();
    for (const int64_t id : own)
      words.back().push_back(spelled_word(problem.vocabulary, id));
  }
  given.verbalizer.prepare({problem.vocabulary, problem.backbone, given.labels, words, {}, {}, problem.seed});
  for (std::size_t label = 0; label < ids.size(); ++label) {
    const std::vector<std::string> answer = given.verbalizer.answer_text(static_cast<int64_t>(label));
    if (answer.size() != 1 || !is_token(problem.vocabulary, answer[0], ids[label].at(0)))
      throw UsageError("label words are searched among tokens that begin with a space, and the verbalizer of "
                       "task \"" +
                       given.name + "\" spells \"" + words[label][0] + "\" as \"" +
                       (answer.empty() ? "" : answer[0]) + "\": leave its option \"prefix\" at one space.");
  }
  engine.render_again();
  settle_verbalizer(engine, task);
  return words;
}

void settle_verbalizer(Engine& engine, int64_t task) {
  const Task& settled = engine.problem().tasks.at(static_cast<std::size_t>(task));
  std::vector<const Example*> rows;
  if (settled.train)
    for (const Example& example : *settled.train)
      rows.push_back(&example);
  Scorer& scorer = engine.scorer(task);
  settled.verbalizer.calibrate(scorer);
  settled.verbalizer.fit(scorer, rows, Verbalizer::Moment::before_training);
}

} // namespace cuecard
