/*
 * cuecard.h: runs cards on one frozen language model, from C and every language that can call C.
 *
 *     cuecard_model* model;
 *     cuecard_error* error = cuecard_open("smollm2.gguf", NULL, &model);
 *     if (!error) error = cuecard_load_card(model, "sentiment.card", NULL);
 *     cuecard_row row = {.text = cuecard_utf8("A warm and funny film.")};
 *     cuecard_answers* answers;
 *     if (!error) error = cuecard_predict(model, &row, 1, NULL, &answers);
 *     if (!error) puts(cuecard_answer_label(answers, 0));
 *
 * Errors. A function that can fail returns NULL, or an error that the caller frees with cuecard_error_free. After an
 * error nothing was stored through its pointer arguments. No exception leaves the library.
 *
 * Strings are UTF-8. Arguments are copied; returned strings are owned by the object they were read from and live as long as it.
 *
 * Threads. Unless documented otherwise, every function may be called from any thread, also concurrently for one model. Each model
 * is run by one thread of its own; callbacks are called on that thread and must return quickly. They may submit, cancel and free
 * requests, and take the answers of a finished one, but not load or drop cards, close the model, or wait.
 *
 * The library prints nothing, installs no signal handlers and never ends the process. It has no global state of its own;
 * the number of threads and the memory pools are LibTorch's.
 *
 * Every options struct begins with its size, so that later versions can add members. NULL selects all defaults, and a member that
 * is 0 selects its default. Functions and members are never removed within one value of CUECARD_C_VERSION.
 */
#ifndef CUECARD_H
#define CUECARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define CUECARD_C_FUNCTION __attribute__((visibility("default")))
#else
#define CUECARD_C_FUNCTION
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. */
#define CUECARD_C_VERSION 1

typedef struct cuecard_model cuecard_model;
typedef struct cuecard_request cuecard_request;
typedef struct cuecard_answers cuecard_answers;
typedef struct cuecard_error cuecard_error;

/* --- Versions and errors --------------------------------------------------------------------------------------------------- */

/* The CUECARD_C_VERSION that the library was built with: compare it with the header's. */
CUECARD_C_FUNCTION int32_t cuecard_c_version(void);
/* The version of the package, such as "0.2.0". */
CUECARD_C_FUNCTION const char* cuecard_version(void);

typedef enum cuecard_error_kind {
  CUECARD_FAILED = 1,        /* none of the others */
  CUECARD_WRONG_USE = 2,     /* an argument or option, or a combination of them */
  CUECARD_WRONG_DATA = 3,    /* a file or row that can't be used */
  CUECARD_PLUGIN_FAILED = 4, /* a plugin can't be loaded, or failed */
  CUECARD_CANCELLED = 5,     /* cuecard_cancel, or the model was closed */
  CUECARD_TOO_LATE = 6,      /* the deadline passed before the row was run */
  CUECARD_QUEUE_FULL = 7     /* more rows would wait than max_waiting_rows; try again later */
} cuecard_error_kind;

/* One sentence: what was found, what was expected, what to do. */
CUECARD_C_FUNCTION const char* cuecard_error_text(const cuecard_error* error);
CUECARD_C_FUNCTION cuecard_error_kind cuecard_error_kind_of(const cuecard_error* error);
CUECARD_C_FUNCTION void cuecard_error_free(cuecard_error* error); /* NULL is allowed */

/* --- A model and its cards ------------------------------------------------------------------------------------------------- */

typedef struct cuecard_model_options {
  size_t size;        /* sizeof(cuecard_model_options) */
  const char* device; /* "cpu" (the default), "cuda", "cuda:1" */
  const char* dtype;  /* "float32" (the default), "bfloat16", "float16", "stored", "int8" */
  int32_t threads;    /* processor threads that run the model; default: those that the process may use */
  const char* const* plugin_paths; /* folders of plugins, before those that the program would find */
  size_t plugin_path_count;
  int64_t batch_rows;       /* rows in one forward pass; default 32 */
  int64_t batch_tokens;     /* most tokens in one forward pass, but for a single longer row; default 4096 */
  int64_t max_waiting_rows; /* most rows that wait; default: no limit */
} cuecard_model_options;

/* Opens a folder in the Hugging Face layout, a GGUF file, or a model by its name, as the program does. */
CUECARD_C_FUNCTION cuecard_error* cuecard_open(const char* path, const cuecard_model_options* options,
                                               cuecard_model** model);
/* Cancels waiting requests, finishes the running pass, and frees the model. No other thread may use the model any more;
   requests and answers stay valid. NULL is allowed. */
CUECARD_C_FUNCTION void cuecard_close(cuecard_model* model);

/* Loads a card under `name`, or its own name when that is NULL. It takes the place of a card of that name between two passes: rows
   before it are answered by the old card, rows after it by the new one. When it can't be loaded, the old one stays. */
CUECARD_C_FUNCTION cuecard_error* cuecard_load_card(cuecard_model* model, const char* path, const char* name);
/* Drops a card. Rows that wait for it are answered with an error. */
CUECARD_C_FUNCTION cuecard_error* cuecard_drop_card(cuecard_model* model, const char* name);
/* Calls `use` for each card, in alphabetical order, on the calling thread. */
CUECARD_C_FUNCTION void cuecard_for_each_card(cuecard_model* model, void (*use)(void* user, const char* name),
                                              void* user);

/* Calls `use` on the calling thread for each warning: about what was not read or is read differently than the model's files say, and
   about plugins that can't be used. The program writes these to standard error; the library writes nothing. */
CUECARD_C_FUNCTION void cuecard_for_each_warning(cuecard_model* model,
                                                 void (*use)(void* user, const char* warning), void* user);

typedef struct cuecard_counters {
  size_t size;           /* sizeof(cuecard_counters) */
  int64_t rows_waiting;  /* not yet run */
  int64_t rows_answered; /* errors included */
  int64_t rows_failed;   /* answered with an error */
  int64_t forward_passes;
  int64_t tokens_forwarded;
  int64_t tokens_from_cache; /* cached tokens, once for each sequence that attended to them */
} cuecard_counters;

/* Since the model was opened. Members after `size` of `counters` are set. */
CUECARD_C_FUNCTION void cuecard_read_counters(cuecard_model* model, cuecard_counters* counters);

/* --- Rows and requests ----------------------------------------------------------------------------------------------------- */

typedef struct cuecard_text {
  const char* data; /* UTF-8; NULL: there is no text */
  size_t length;    /* in bytes */
} cuecard_text;

static inline cuecard_text cuecard_utf8(const char* text) {
  cuecard_text result;
  result.data = text;
  result.length = text ? strlen(text) : 0;
  return result;
}

/* A column of a row. */
typedef struct cuecard_field {
  const char* name;
  cuecard_text text;
} cuecard_field;

/* A column that is a list: words that are labelled one by one, or alternatives. */
typedef struct cuecard_list {
  const char* name;
  const cuecard_text* texts;
  size_t count;
} cuecard_list;

/* One row of input for a card. */
typedef struct cuecard_row {
  const char* card;  /* NULL: the only card of the model */
  cuecard_text text; /* for a card whose template has one field: its text */
  const cuecard_field* fields;
  size_t field_count;
  const cuecard_list* lists;
  size_t list_count;
} cuecard_row;

typedef struct cuecard_request_options {
  size_t size;     /* sizeof(cuecard_request_options) */
  double deadline; /* seconds from now within which a row must begin to run; default: no limit */
  /* Called once, when all rows are answered; it may take the answers and free the request. */
  void (*finished)(void* user, cuecard_request* request);
  /* cuecard_submit_generate only: called with the text of a row so far, whenever a token was added. False cancels the request. */
  bool (*token)(void* user, size_t row, const char* text);
  void* user;
} cuecard_request_options;

/* How texts are generated: the options of `cuecard generate`. Members that are 0 have the defaults of greedy decoding. */
typedef struct cuecard_generate_options {
  size_t size;        /* sizeof(cuecard_generate_options) */
  int64_t max_tokens; /* default 64 */
  int64_t min_tokens;
  int64_t beams;      /* default 1 */
  int64_t texts;      /* per row; default 1 */
  double temperature; /* above 0: sampling */
  int64_t top_k;
  double top_p; /* default 1 */
  double min_p;
  double repetition_penalty; /* default 1 */
  double length_penalty;     /* default 1 */
  int64_t no_repeat_ngram;
  const char* const* stop; /* a text ends before the first of these */
  size_t stop_count;
  uint64_t seed;
} cuecard_generate_options;

/* Submits rows and returns immediately. Waiting rows of all requests and cards are batched: each request in its turn, the oldest
   first. A row that can't be answered has an error of its own (cuecard_answer_error). The request is freed by the caller. */
CUECARD_C_FUNCTION cuecard_error* cuecard_submit(cuecard_model* model, const cuecard_row* rows, size_t count,
                                                 const cuecard_request_options* options,
                                                 cuecard_request** request);
/* The same for texts that continue the prompts of the rows, whatever their cards predict. */
CUECARD_C_FUNCTION cuecard_error* cuecard_submit_generate(cuecard_model* model, const cuecard_row* rows,
                                                          size_t count,
                                                          const cuecard_generate_options* generate,
                                                          const cuecard_request_options* options,
                                                          cuecard_request** request);
/* Texts to score. */
typedef struct cuecard_continuations {
  const cuecard_text* texts;
  size_t count;
} cuecard_continuations;

/* The same for given texts: the log-probability of each of `continuations[row]` after the prompt of that row, whatever its card predicts,
   summed over its tokens. The answer's texts are the continuations, in their order. */
CUECARD_C_FUNCTION cuecard_error* cuecard_submit_score(cuecard_model* model, const cuecard_row* rows,
                                                       const cuecard_continuations* continuations, size_t count,
                                                       const cuecard_request_options* options,
                                                       cuecard_request** request);
/* Waits until all rows are answered, but at most `seconds` (negative: no limit). Returns whether all are answered. */
CUECARD_C_FUNCTION bool cuecard_wait(cuecard_request* request, double seconds);
/* Rows that have not begun to run are answered with CUECARD_CANCELLED. */
CUECARD_C_FUNCTION void cuecard_cancel(cuecard_request* request);
/* Waits for the request and transfers its answers to the caller, who frees them. Call it once per request. */
CUECARD_C_FUNCTION cuecard_error* cuecard_take_answers(cuecard_request* request, cuecard_answers** answers);
/* Cancels the request if it is not finished; no callback is called after that. NULL is allowed. */
CUECARD_C_FUNCTION void cuecard_request_free(cuecard_request* request);

/* cuecard_submit, cuecard_take_answers and cuecard_request_free in one. */
CUECARD_C_FUNCTION cuecard_error* cuecard_predict(cuecard_model* model, const cuecard_row* rows, size_t count,
                                                  const cuecard_request_options* options,
                                                  cuecard_answers** answers);
CUECARD_C_FUNCTION cuecard_error* cuecard_generate(cuecard_model* model, const cuecard_row* rows, size_t count,
                                                   const cuecard_generate_options* generate,
                                                   const cuecard_request_options* options,
                                                   cuecard_answers** answers);
CUECARD_C_FUNCTION cuecard_error* cuecard_score(cuecard_model* model, const cuecard_row* rows,
                                                const cuecard_continuations* continuations, size_t count,
                                                const cuecard_request_options* options,
                                                cuecard_answers** answers);

/* --- Answers: one per row, in the order of the rows -------------------------------------------------------------------------- */

CUECARD_C_FUNCTION size_t cuecard_answer_count(const cuecard_answers* answers);
/* NULL, or why the row could not be answered; it has no label, words or texts then. The error belongs to the answers. */
CUECARD_C_FUNCTION const cuecard_error* cuecard_answer_error(const cuecard_answers* answers, size_t row);
/* The name of the card that answered; NULL for an error. */
CUECARD_C_FUNCTION const char* cuecard_answer_card(const cuecard_answers* answers, size_t row);

/* The predicted label; NULL where the prediction is not one label. */
CUECARD_C_FUNCTION const char* cuecard_answer_label(const cuecard_answers* answers, size_t row);
/* The labels of the card, and the probability of each; there are none where texts or words are predicted. */
CUECARD_C_FUNCTION size_t cuecard_answer_label_count(const cuecard_answers* answers, size_t row);
CUECARD_C_FUNCTION const char* cuecard_answer_label_name(const cuecard_answers* answers, size_t row,
                                                         size_t label);
CUECARD_C_FUNCTION double cuecard_answer_probability(const cuecard_answers* answers, size_t row, size_t label);
/* Whether the label is predicted: of a card that gives several labels, any number of them are. */
CUECARD_C_FUNCTION bool cuecard_answer_has_label(const cuecard_answers* answers, size_t row, size_t label);
/* Tokens of the row that truncation removed. */
CUECARD_C_FUNCTION int64_t cuecard_answer_cut(const cuecard_answers* answers, size_t row);

/* Of a card that labels words: the label of each; NULL for one that was cut off. */
CUECARD_C_FUNCTION size_t cuecard_answer_word_count(const cuecard_answers* answers, size_t row);
CUECARD_C_FUNCTION const char* cuecard_answer_word_label(const cuecard_answers* answers, size_t row,
                                                         size_t word);

/* The span, the generated texts, best first, or the continuations; the log-probability of each (NaN where the model gives none), and
   the number of tokens that it is the sum of (0 for a span). */
CUECARD_C_FUNCTION size_t cuecard_answer_text_count(const cuecard_answers* answers, size_t row);
CUECARD_C_FUNCTION const char* cuecard_answer_text(const cuecard_answers* answers, size_t row, size_t text);
CUECARD_C_FUNCTION double cuecard_answer_log_prob(const cuecard_answers* answers, size_t row, size_t text);

CUECARD_C_FUNCTION size_t cuecard_answer_text_tokens(const cuecard_answers* answers, size_t row, size_t text);

CUECARD_C_FUNCTION void cuecard_answers_free(cuecard_answers* answers); /* NULL is allowed */

/* --- Training -------------------------------------------------------------------------------------------------------------- */

typedef struct cuecard_train_options {
  size_t size; /* sizeof(cuecard_train_options) */
  /* Several processes, the ranks of a run, may train together: each forwards a part of every batch, and `sum` adds up their results.
     They are started with the same words and files. Only rank 0 writes cards and checkpoints. */
  int32_t rank;
  int32_t ranks; /* default 1 */
  /* Replaces `count` values by their sums over all ranks, the same on each. False when another rank is lost; the reason is written to
     `reason`, of `reason_size` bytes. Then training ends with an error. */
  bool (*sum)(void* user, float* values, size_t count, char* reason, size_t reason_size);
  /* Called after each step; `dev` is NaN except after an evaluation on the development set. False stops all ranks, and the best
     card so far is kept. */
  bool (*progress)(void* user, int64_t step, int64_t steps, double loss, double dev);
  /* Receives what the program prints on standard error, a line at a time. */
  void (*message)(void* user, const char* line);
  /* Receives the lines of `cuecard train --json`: one for each card. */
  void (*result)(void* user, const char* json);
  void* user;
} cuecard_train_options;

/* Trains cards and writes them, as `cuecard train` does: `words` are the words of its command line after `train`, such as "--task",
   "task.json". Returns when they are trained; callbacks are called on the calling thread. */
CUECARD_C_FUNCTION cuecard_error* cuecard_train(const char* const* words, size_t count,
                                                const cuecard_train_options* options);

#ifdef __cplusplus
}
#endif

#endif
