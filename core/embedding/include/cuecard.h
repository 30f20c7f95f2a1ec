/** @file
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
 * error nothing was stored through its pointer arguments. No exception leaves the library. Each such function lists its kinds of
 * error; CUECARD_FAILED is possible everywhere (out of memory, a failure inside LibTorch) and not listed.
 *
 * Pointers. An argument must not be NULL unless its function allows it. Functions that return an error answer CUECARD_WRONG_USE to a
 * NULL handle, path, name or place for a result, and to NULL rows, fields, lists, texts or words with a count above 0, unless noted. All
 * other functions, and the arrays of strings in options, require valid pointers.
 *
 * Strings are UTF-8 and end with a zero byte, except cuecard_text. Arguments are copied before the function returns; returned strings
 * are owned by the object they were read from and live as long as it. Strings passed to a callback live until it returns.
 *
 * Threads. Unless documented otherwise, every function may be called from any thread, also concurrently for one model. Each model
 * is run by one thread of its own; callbacks of requests are called on that thread and must return quickly and not throw. They may
 * submit, cancel and free requests, and take the answers of a finished one, but not load or drop cards, close the model, or wait.
 * The functions that free an object need it to themselves.
 *
 * The library prints nothing, installs no signal handlers and never ends the process. It has no global state of its own;
 * the number of threads and the memory pools are LibTorch's.
 *
 * Every options struct begins with its size, so that later versions can add members; a size below that of size_t or above 65536 is
 * CUECARD_WRONG_USE. NULL selects all defaults, and a member that is 0 selects its default. Functions and members are never removed
 * within one value of CUECARD_C_VERSION.
 */
#ifndef CUECARD_H
#define CUECARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Exports a function from the library. */
#if defined(__GNUC__)
#define CUECARD_C_FUNCTION __attribute__((visibility("default")))
#else
#define CUECARD_C_FUNCTION
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** The version of this interface. */
#define CUECARD_C_VERSION 1

/** An open model with its cards: cuecard_open to cuecard_close. */
typedef struct cuecard_model cuecard_model;
/** Rows that were submitted together: cuecard_submit to cuecard_request_free. */
typedef struct cuecard_request cuecard_request;
/** One answer per row of a request: cuecard_take_answers to cuecard_answers_free. Read-only, so any number of threads may read it. */
typedef struct cuecard_answers cuecard_answers;
/** Why a function failed, or a row: read-only, too. */
typedef struct cuecard_error cuecard_error;

/* --- Versions and errors --------------------------------------------------------------------------------------------------- */

/** The CUECARD_C_VERSION that the library was built with: compare it with the header's. */
CUECARD_C_FUNCTION int32_t cuecard_c_version(void);
/** The version of the package, such as "0.2.0". The string lives as long as the library. */
CUECARD_C_FUNCTION const char* cuecard_version(void);

/** What went wrong, for programs; cuecard_error_text says it for people. */
typedef enum cuecard_error_kind {
  CUECARD_FAILED = 1,        /**< none of the others */
  CUECARD_WRONG_USE = 2,     /**< an argument or option, or a combination of them */
  CUECARD_WRONG_DATA = 3,    /**< a file or row that can't be used */
  CUECARD_PLUGIN_FAILED = 4, /**< a plugin can't be loaded, or failed */
  CUECARD_CANCELLED = 5,     /**< cuecard_cancel, or the model was closed */
  CUECARD_TOO_LATE = 6,      /**< the deadline passed before the row was run */
  CUECARD_QUEUE_FULL = 7     /**< more rows would wait than max_waiting_rows; try again later */
} cuecard_error_kind;

/** One sentence: what was found, what was expected, what to do. "" for NULL. */
CUECARD_C_FUNCTION const char* cuecard_error_text(const cuecard_error* error);
/** The kind of the error; 0, which is none of them, for NULL. */
CUECARD_C_FUNCTION cuecard_error_kind cuecard_error_kind_of(const cuecard_error* error);
/** Frees an error that a function returned, not one of cuecard_answer_error. NULL is allowed. */
CUECARD_C_FUNCTION void cuecard_error_free(cuecard_error* error);

/* --- A model and its cards ------------------------------------------------------------------------------------------------- */

/** How a model is opened. Numbers must not be below 0. */
typedef struct cuecard_model_options {
  size_t size;        /**< sizeof(cuecard_model_options) */
  const char* device; /**< "cpu" (the default), "cuda", "cuda:1" */
  const char* dtype;  /**< "float32" (the default), "bfloat16", "float16", "stored", "int8" */
  /** Processor threads that run the model. Default, as in the program: OMP_NUM_THREADS or MKL_NUM_THREADS, else one for each physical
      core that the process may use, within the quota of its control group. */
  int32_t threads;
  const char* const* plugin_paths; /**< folders of plugins, before those that the program would find */
  size_t plugin_path_count;        /**< of plugin_paths, none of which may be NULL */
  int64_t batch_rows;              /**< rows in one forward pass; default 32 */
  int64_t batch_tokens;     /**< most tokens in one forward pass, but for a single longer row; default 4096 */
  int64_t max_waiting_rows; /**< most rows that wait, of all requests together; default: no limit */
} cuecard_model_options;

/** Opens a folder in the Hugging Face layout, a GGUF file, or a model by its name, as the program does. Returns when the model is
    loaded; the caller closes it with cuecard_close.
    Errors: CUECARD_WRONG_USE for a number below 0, an unknown device or dtype, or a device that can't be used; CUECARD_WRONG_DATA for a
    model that is not found, can't be read, or is of a family that no plugin handles; CUECARD_PLUGIN_FAILED if the plugin of its family
    can't be used or fails. */
CUECARD_C_FUNCTION cuecard_error* cuecard_open(const char* path, const cuecard_model_options* options,
                                               cuecard_model** model);
/** Cancels waiting requests, finishes the running pass, and frees the model. The callbacks of these requests are called before it
    returns. No other thread may use the model any more, and no callback may call it; requests and answers stay valid. NULL is
    allowed. */
CUECARD_C_FUNCTION void cuecard_close(cuecard_model* model);

/** Loads a card, a folder with card.json, under `name`, or under its own name when that is NULL. It takes the place of a card of that name
    between two passes: rows run before are answered by the old card, rows run after by the new one. When it can't be loaded, the old one
    stays. Returns when the card is in place, which may take until the running pass ends, and until texts end that a card of this name is
    generating. Not from a callback of a request.
    Errors: CUECARD_WRONG_DATA for a card that is not found, is damaged, or was made for another model; CUECARD_PLUGIN_FAILED if a plugin
    that it needs is not installed, can't be used or fails; CUECARD_WRONG_USE if its parts can't be used together or with the model's
    dtype. */
CUECARD_C_FUNCTION cuecard_error* cuecard_load_card(cuecard_model* model, const char* path, const char* name);
/** Drops a card. Rows that wait for it are answered with CUECARD_WRONG_DATA. Waits as cuecard_load_card does. Not from a callback of a
    request.
    Errors: CUECARD_WRONG_USE if there is no card of this name. */
CUECARD_C_FUNCTION cuecard_error* cuecard_drop_card(cuecard_model* model, const char* name);
/** Calls `use` for each card, in alphabetical order, on the calling thread. The names are copies: `use` may load and drop cards. */
CUECARD_C_FUNCTION void cuecard_for_each_card(cuecard_model* model, void (*use)(void* user, const char* name),
                                              void* user);

/** Calls `use` on the calling thread for each warning: about what was not read or is read differently than the model's files say, about
    generation settings of theirs that are not used, and about plugins that can't be used. They are found by cuecard_open and do not change. The program writes these to standard error; the
    library writes nothing. */
CUECARD_C_FUNCTION void cuecard_for_each_warning(cuecard_model* model,
                                                 void (*use)(void* user, const char* warning), void* user);

/** What a model has done since it was opened. */
typedef struct cuecard_counters {
  size_t size;               /**< sizeof(cuecard_counters): set it before the call */
  int64_t rows_waiting;      /**< not yet run: now, not since the model was opened */
  int64_t rows_answered;     /**< errors included */
  int64_t rows_failed;       /**< answered with an error */
  int64_t forward_passes;    /**< of the model */
  int64_t tokens_forwarded;  /**< in these passes */
  int64_t tokens_from_cache; /**< cached tokens, once for each sequence that attended to them */
} cuecard_counters;

/** Reads the counters. Sets the members that lie within `counters->size` bytes, but not `size`. Those of forward passes are updated
    between passes. */
CUECARD_C_FUNCTION void cuecard_read_counters(cuecard_model* model, cuecard_counters* counters);

/* --- Rows and requests ----------------------------------------------------------------------------------------------------- */

/** A text that need not end with a zero byte. */
typedef struct cuecard_text {
  const char* data; /**< UTF-8; NULL: there is no text */
  size_t length;    /**< in bytes */
} cuecard_text;

/** A view of a string that ends with a zero byte; NULL is allowed. The string must live as long as the result is used. */
static inline cuecard_text cuecard_utf8(const char* text) {
  cuecard_text result;
  result.data = text;
  result.length = text ? strlen(text) : 0;
  return result;
}

/** A column of a row. */
typedef struct cuecard_field {
  const char* name;  /**< of a field of the card's template */
  cuecard_text text; /**< no text is read as an empty one */
} cuecard_field;

/** A column that is a list: words that are labelled one by one, or alternatives. */
typedef struct cuecard_list {
  const char* name;          /**< of a field of the card's template */
  const cuecard_text* texts; /**< `count` of them, in order */
  size_t count;              /**< may be 0 */
} cuecard_list;

/** One row of input for a card: one example. It has a text or fields, not both, and any number of lists. */
typedef struct cuecard_row {
  const char* card;            /**< NULL: the only card of the model */
  cuecard_text text;           /**< for a card whose template has one field: its text */
  const cuecard_field* fields; /**< `field_count` of them */
  size_t field_count;          /**< may be 0 */
  const cuecard_list* lists;   /**< `list_count` of them */
  size_t list_count;           /**< may be 0 */
} cuecard_row;

/** How a request is run. Its callbacks are called on the model's thread, never two of one request at a time. */
typedef struct cuecard_request_options {
  size_t size;     /**< sizeof(cuecard_request_options) */
  double deadline; /**< seconds from now within which a row must begin to run, not below 0; default: no limit */
  /** Called once, when all rows are answered; it may take the answers and free the request. It may be called before the function that
      submits has returned (of a request without rows it is, on the calling thread), so it should use the `request` that it gets. */
  void (*finished)(void* user, cuecard_request* request);
  /** Called where texts are generated, with the text of a row so far, whenever a token was added; of several texts for a row with the first
      one, and with "" in beam search. False cancels the request. */
  bool (*token)(void* user, size_t row, const char* text);
  void* user; /**< passed to the callbacks */
} cuecard_request_options;

/** How texts are generated: the options of `cuecard generate`. Members that are 0 have the defaults of greedy decoding; values out of
    range are CUECARD_WRONG_USE. */
typedef struct cuecard_generate_options {
  size_t size;        /**< sizeof(cuecard_generate_options) */
  int64_t max_tokens; /**< most new tokens of a text, at least 1; default 64 */
  int64_t min_tokens; /**< 0 to max_tokens; default 0 */
  int64_t beams;      /**< at least 1; 1 where temperature is above 0; default 1 */
  int64_t texts;      /**< per row: at least 1, and at most `beams` unless temperature is above 0; default 1 */
  double temperature; /**< 0: greedy, or beam search; above 0: sampling */
  int64_t top_k;      /**< samples from the k most probable tokens; 0: from all */
  /** Samples from the most probable tokens with this joint probability: above 0, at most 1 (off); default 1. */
  double top_p;
  double min_p; /**< samples from tokens with this share of the most probable one's probability: 0 (off) to 1 */
  double repetition_penalty; /**< above 0; 1: none; default 1 */
  /** Of beams: the exponent of the length that a log-probability is divided by; default 1. */
  double length_penalty;
  int64_t no_repeat_ngram; /**< no sequence of so many tokens occurs twice; 0: off */
  const char* const* stop; /**< a text ends before the first of these */
  size_t stop_count;       /**< of stop, none of which may be NULL */
  uint64_t seed;           /**< of sampling: random numbers depend on it and on the index of the row only */
} cuecard_generate_options;

/** Submits `count` rows and returns immediately, without waiting for the model. Waiting rows of all requests and cards are batched: each
    request in its turn, the oldest first. A row that can't be answered has an error of its own (cuecard_answer_error). The caller frees the
    request with cuecard_request_free; `rows` may be NULL if there are none.
    Errors, after which nothing is run and no callback called: CUECARD_WRONG_USE for a deadline below 0, a row with a text and fields, a
    field or list without a name, and more rows than max_waiting_rows; CUECARD_QUEUE_FULL if too many rows wait at present. */
CUECARD_C_FUNCTION cuecard_error* cuecard_submit(cuecard_model* model, const cuecard_row* rows, size_t count,
                                                 const cuecard_request_options* options,
                                                 cuecard_request** request);
/** The same for texts that continue the prompts of the rows, whatever their cards predict.
    Errors: those of cuecard_submit, and CUECARD_WRONG_USE for `generate` and for a model that can't generate text. */
CUECARD_C_FUNCTION cuecard_error* cuecard_submit_generate(cuecard_model* model, const cuecard_row* rows,
                                                          size_t count,
                                                          const cuecard_generate_options* generate,
                                                          const cuecard_request_options* options,
                                                          cuecard_request** request);
/** Texts to score. */
typedef struct cuecard_continuations {
  const cuecard_text* texts; /**< each of at least one token, else the row has an error */
  size_t count;              /**< of texts */
} cuecard_continuations;

/** The same for given texts: the natural log-probability of each of `continuations[row]` after the prompt of that row, whatever its card
    predicts, summed over its tokens. The answer's texts are the continuations, in their order. `continuations` has `count` elements, one
    for each row.
    Errors: those of cuecard_submit, and CUECARD_WRONG_USE for a model that can't generate text. */
CUECARD_C_FUNCTION cuecard_error* cuecard_submit_score(cuecard_model* model, const cuecard_row* rows,
                                                       const cuecard_continuations* continuations, size_t count,
                                                       const cuecard_request_options* options,
                                                       cuecard_request** request);
/** Waits until all rows are answered, but at most `seconds` (negative: no limit). Returns whether all are answered; `finished` may then
    still be running. Not from a callback. */
CUECARD_C_FUNCTION bool cuecard_wait(cuecard_request* request, double seconds);
/** Returns immediately. Rows that have not begun to run are answered with CUECARD_CANCELLED, and so are rows whose texts are being
    generated; rows of the running pass are answered. */
CUECARD_C_FUNCTION void cuecard_cancel(cuecard_request* request);
/** Waits for the request and transfers its answers to the caller, who frees them with cuecard_answers_free. Call it once per request, from
    one thread; in a callback only in `finished`.
    Errors: CUECARD_WRONG_USE if the answers were taken before. That a row failed is not an error of this function. */
CUECARD_C_FUNCTION cuecard_error* cuecard_take_answers(cuecard_request* request, cuecard_answers** answers);
/** Cancels the request if it is not finished, and frees it. A callback that is running is waited for, unless this is called from it; none is
    called after that. Answers that were taken stay valid. NULL is allowed. */
CUECARD_C_FUNCTION void cuecard_request_free(cuecard_request* request);

/** cuecard_submit, cuecard_take_answers and cuecard_request_free in one, with the errors of cuecard_submit. Not from a callback of a request.
    `finished` is called, too, but must neither take the answers nor free the request. */
CUECARD_C_FUNCTION cuecard_error* cuecard_predict(cuecard_model* model, const cuecard_row* rows, size_t count,
                                                  const cuecard_request_options* options,
                                                  cuecard_answers** answers);
/** As cuecard_predict, for cuecard_submit_generate. */
CUECARD_C_FUNCTION cuecard_error* cuecard_generate(cuecard_model* model, const cuecard_row* rows, size_t count,
                                                   const cuecard_generate_options* generate,
                                                   const cuecard_request_options* options,
                                                   cuecard_answers** answers);
/** As cuecard_predict, for cuecard_submit_score. */
CUECARD_C_FUNCTION cuecard_error* cuecard_score(cuecard_model* model, const cuecard_row* rows,
                                                const cuecard_continuations* continuations, size_t count,
                                                const cuecard_request_options* options,
                                                cuecard_answers** answers);

/* --- Answers: one per row, in the order of the rows -------------------------------------------------------------------------- */

/* Indices count from 0. What does not exist is NULL, 0, false or NaN, by the type of the function: a `row`, `label`, `word` or `text` that is
   out of range, everything but the error of a row that has one, and labels where texts are predicted. */

/** The number of rows that were submitted. */
CUECARD_C_FUNCTION size_t cuecard_answer_count(const cuecard_answers* answers);
/** NULL, or why the row could not be answered; it has no label, words or texts then. The error belongs to the answers.
    Kinds: CUECARD_WRONG_DATA for a row that can't be used (its texts are blank, its card is unknown or not named, a field is missing),
    CUECARD_CANCELLED, CUECARD_TOO_LATE, and CUECARD_WRONG_USE, CUECARD_PLUGIN_FAILED or CUECARD_FAILED where the card or the model failed. */
CUECARD_C_FUNCTION const cuecard_error* cuecard_answer_error(const cuecard_answers* answers, size_t row);
/** The name of the card that answered; NULL for an error. */
CUECARD_C_FUNCTION const char* cuecard_answer_card(const cuecard_answers* answers, size_t row);

/** The predicted label; NULL where the prediction is not one label. */
CUECARD_C_FUNCTION const char* cuecard_answer_label(const cuecard_answers* answers, size_t row);
/** The number of labels of the card; 0 where texts or words are predicted. */
CUECARD_C_FUNCTION size_t cuecard_answer_label_count(const cuecard_answers* answers, size_t row);
/** The name of a label, in the order of the card. */
CUECARD_C_FUNCTION const char* cuecard_answer_label_name(const cuecard_answers* answers, size_t row,
                                                         size_t label);
/** The probability of a label, from 0 to 1: over all labels, or of a card that gives any number of labels, of each by itself. */
CUECARD_C_FUNCTION double cuecard_answer_probability(const cuecard_answers* answers, size_t row, size_t label);
/** Whether the label is predicted: of a card that gives several labels, any number of them are. */
CUECARD_C_FUNCTION bool cuecard_answer_has_label(const cuecard_answers* answers, size_t row, size_t label);
/** Tokens of the row that truncation removed. */
CUECARD_C_FUNCTION int64_t cuecard_answer_cut(const cuecard_answers* answers, size_t row);

/** The number of words of the row, for a card that labels words; 0 for other cards. */
CUECARD_C_FUNCTION size_t cuecard_answer_word_count(const cuecard_answers* answers, size_t row);
/** The label of a word; NULL for one that was cut off. */
CUECARD_C_FUNCTION const char* cuecard_answer_word_label(const cuecard_answers* answers, size_t row,
                                                         size_t word);

/** The number of texts: 1 where the card predicts a text or a span; else the generated texts or the continuations. */
CUECARD_C_FUNCTION size_t cuecard_answer_text_count(const cuecard_answers* answers, size_t row);
/** A text. Generated ones are in order, best first, and continuations in theirs. */
CUECARD_C_FUNCTION const char* cuecard_answer_text(const cuecard_answers* answers, size_t row, size_t text);
/** The natural log-probability of a text; NaN where the model gives none. That of a generated text includes its end-of-sequence token. */
CUECARD_C_FUNCTION double cuecard_answer_log_prob(const cuecard_answers* answers, size_t row, size_t text);
/** The number of tokens of a generated text, without its end-of-sequence token, or of a continuation; 0 for a text or span that the card
    predicts. */
CUECARD_C_FUNCTION size_t cuecard_answer_text_tokens(const cuecard_answers* answers, size_t row, size_t text);

/** Frees the answers, and with them their strings and errors. NULL is allowed. */
CUECARD_C_FUNCTION void cuecard_answers_free(cuecard_answers* answers);

/* --- Training -------------------------------------------------------------------------------------------------------------- */

/** Where a training run reports, and its place among several processes. Its callbacks are called on the thread that called cuecard_train, and
    must not throw. */
typedef struct cuecard_train_options {
  size_t size; /**< sizeof(cuecard_train_options) */
  /** 0 to `ranks` - 1. Several processes, the ranks of a run, may train together: each forwards a part of every batch, and `sum` adds up
      their results. They are started with the same words and files. Only rank 0 writes cards and checkpoints. */
  int32_t rank;
  int32_t ranks; /**< default 1; more need `sum` */
  /** Replaces `count` values by their sums over all ranks, the same on each. False when another rank is lost; the reason, which ends with a
      zero byte, is written to `reason`, of `reason_size` bytes. Then training ends with an error. */
  bool (*sum)(void* user, float* values, size_t count, char* reason, size_t reason_size);
  /** Called after each step; `dev` is NaN except after an evaluation on the development set. False stops all ranks, and the best
      card so far is kept. */
  bool (*progress)(void* user, int64_t step, int64_t steps, double loss, double dev);
  /** Receives what the program prints on standard error, a line at a time. */
  void (*message)(void* user, const char* line);
  /** Receives the lines of `cuecard train --json`, when training has ended: one for each card. */
  void (*result)(void* user, const char* json);
  void* user; /**< passed to the callbacks */
} cuecard_train_options;

/** Trains cards and writes them, as `cuecard train` does: `words` are the `count` words of its command line after `train`, such as "--task",
    "task.json". Returns when they are trained. A run that ends early with a card, because `progress` returned false or training failed
    when it had something to keep, is not an error: `cancelled` and `failure` of its result say so.
    Errors: CUECARD_WRONG_USE for words that the program would refuse, --help included, and for a rank or `sum` that does not fit `ranks`;
    CUECARD_WRONG_DATA for a file that can't be read or written; CUECARD_PLUGIN_FAILED; CUECARD_CANCELLED if `progress` returned false before
    there was anything to keep. */
CUECARD_C_FUNCTION cuecard_error* cuecard_train(const char* const* words, size_t count,
                                                const cuecard_train_options* options);

#ifdef __cplusplus
}
#endif

#endif
