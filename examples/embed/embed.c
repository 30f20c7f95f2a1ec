/* embed-c MODEL CARD TEXT: the label of a text. */
#include <stdio.h>

#include <cuecard.h>

int main(int argc, char** argv) {
  cuecard_model* model = NULL;
  cuecard_answers* answers = NULL;
  if (argc != 4) {
    fprintf(stderr, "usage: embed-c MODEL CARD TEXT\n");
    return 2;
  }
  cuecard_error* error = cuecard_open(argv[1], NULL, &model);
  if (!error)
    error = cuecard_load_card(model, argv[2], NULL);
  const cuecard_row row = {.text = cuecard_utf8(argv[3])};
  if (!error)
    error = cuecard_predict(model, &row, 1, NULL, &answers);
  const cuecard_error* problem = error ? error : cuecard_answer_error(answers, 0);
  if (problem)
    fprintf(stderr, "embed-c: %s\n", cuecard_error_text(problem));
  else
    printf("%s\n", cuecard_answer_label(answers, 0));
  const int code = problem ? 1 : 0;
  cuecard_answers_free(answers);
  cuecard_error_free(error);
  cuecard_close(model);
  return code;
}
