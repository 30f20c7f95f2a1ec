// Commands that show or continue prompts, and the server.
#include "program/commands/commands.hpp"

namespace cuecard::host {

using namespace commands;

namespace {

const Flags truncation = {
    max_length,
    option("truncate", "HOW", choice({"tail", "head", "balanced"}),
           "Which part of an overlong prompt to cut. Default: as the task or the card says, else tail."),
};
const Flag template_text =
    option("template", "TEXT|@FILE", text, "Template text, or @FILE to read it from a file.");
const Flag component = option("template-component", "NAME", text,
                              "Component that parses the text of --template. Default: manual.");
const Flag shown_task = option("task", "FILE", path,
                               "Read template, verbalizer and columns from this task file; with --template or "
                               "--card, the columns only.");
const Flag shown_card = option("card", "CARD", path, "Use this card's template, trained state and columns.");
const Flags generation = {
    option("max-new-tokens", "N", integer(1, 1e6), "Maximum tokens to generate. Default: 64, or the card's."),
    option("min-new-tokens", "N", integer(0, 1e6), "Minimum tokens to generate."),
    option("beams", "N", integer(1, 1000), "Number of beams for beam search; 1: greedy decoding or sampling."),
    option("sequences", "N", integer(1, 1000), "Number of texts to return per example, best first."),
    option("temperature", "X", number(0, 1e6), "Sampling temperature; 0: no sampling."),
    option("top-k", "K", integer(0, 1e7), "Sample from the K most likely tokens; 0: from all."),
    option("top-p", "P", number(0, 1),
           "Sample from the smallest set of tokens with this cumulative probability."),
    option("min-p", "P", number(0, 1),
           "Drop tokens below this fraction of the most likely token's probability."),
    option("repetition-penalty", "X", number(0.001, 1000), "Above 1 penalises tokens already present."),
    option("length-penalty", "X", number(-100, 100),
           "Exponent of the length in beam scores; above 0 favours longer texts. Default: 1."),
    option("no-repeat-ngram", "N", integer(0, 1000), "Never repeat an n-gram of N tokens; 0: no limit."),
    toggle("early-stop", "Stop beam search as soon as enough beams are finished."),
    repeatable(option("ban", "TEXT", text, "Never generate this text.")),
    repeatable(option("stop", "TEXT", text, "Stop before this text.")),
    option("seed", "N", integer(0, 4294967295.0), "Random seed for sampling."),
};

} // namespace

std::vector<Verb> prompt_verbs() {
  return {
      {"fill",
       "show the most likely tokens at each answer slot",
       {{"text", text, "Texts for the template's only field. Default: lines of standard input.", false, true}},
       Flags{model, template_text, shown_task, shown_card, component,
             option("data", "FILE", path, "File of examples to fill in."),
             option("top-k", "K", integer(1, 1000), "Number of tokens to show per slot.", "5")} +
           truncation + columns + batching + runtime + plugins + Flags{strict, force, json, quiet},
       "cuecard fill --model SmolLM2 --template 'Review: {text} Sentiment:{\"mask\"}' --top-k 5 'A fine film.'"},
      {"generate",
       "generate text from a prompt",
       {{"text", text, "Texts for the template's only field. Default: lines of standard input.", false, true}},
       Flags{
           model,
           option("template", "TEXT|@FILE", text,
                  "Template text, or @FILE to read it from a file. Default: the text alone. An encoder-decoder "
                  "reads it as it is, unless text follows an answer slot."),
           shown_task, shown_card, component,
           option("data", "FILE", path, "File of examples to generate for.")} +
           generation + truncation + columns + batching + runtime + plugins + Flags{strict, force, json, quiet},
       "cuecard generate --model SmolLM2 --max-new-tokens 20 'The capital of France is'"},
      {"render",
       "show how examples are turned into tokens and slots",
       {{"text", text, "Texts for the template's only field. Default: lines of standard input.", false, true}},
       Flags{model, template_text, shown_task, shown_card, component,
             option("data", "FILE", path, "File of examples to render.")} +
           truncation + columns + plugins + Flags{strict, force, json, quiet},
       "cuecard render --model SmolLM2 --task sst2.json --data dev.tsv --max-length 64"},
      {"serve",
       "serve a folder of cards over HTTP (page \"Serving cards over HTTP\")",
       {},
       Flags{
           model,
           required(
               option("cards", "DIR", path, "Folder of cards; watched for added, changed and removed cards.")),
           option("listen", "ADDRESS", text, "IP address and port to listen on.", "127.0.0.1:8080"),
           option("api-key-file", "FILE", path, "File of API keys, one per line. Default: no authentication."),
           option("max-queue", "ROWS", integer(1, 1e7),
                  "Maximum queued rows; further requests get 429, larger ones 413.", "1000"),
           option(
               "max-queue-tokens", "TOKENS", integer(1, 1e12),
               "Maximum tokens of queued rows; further requests get 429, larger ones 413. Default: no limit."),
           option(
               "max-cards-loaded", "N", integer(1, 1e6),
               "Maximum cards kept in memory; the least recently used are evicted, and loaded again on demand.",
               "1000"),
           option("prefix-cache", "MB", integer(1, 1e7),
                  "Memory limit for the cached keys and values of the prefixes that prompts share.", "2048"),
           option("tls-cert", "FILE", path, "PEM certificate chain; serve HTTPS. Needs --tls-key."),
           option("tls-key", "FILE", path, "PEM private key of the certificate, without a passphrase."),
           option("chat-format", "FORMAT",
                  choice({"auto", "chatml", "llama-3", "gemma", "phi-3", "zephyr", "llama-2", "mistral"}),
                  "Chat format for requests to the model itself; auto: that of the model's chat template.",
                  "auto"),
           option(
               "log-format", "FORMAT", choice({"text", "json"}),
               "Format of the log on standard error, which has a line per request; json: an object per line.",
               "text"),
           toggle("admin", "Allow clients to load and unload cards of DIR (POST /v1/cards/...)."),
           option("drain", "SECONDS", integer(0, 86400),
                  "Grace period for running requests after SIGTERM or Ctrl-C.", "30"),
           option("client-timeout", "SECONDS", number(0.01, 86400),
                  "Timeout for a client to send a request, or to receive the next part of a response.", "30")} +
           batching + runtime + plugins,
       "cuecard serve --model SmolLM2 --cards cards --listen 127.0.0.1:8080"},
      {"tokenize",
       "turn each line of text into a JSON list of token ids",
       {{"text", text, "Texts to tokenize. Default: lines of standard input.", false, true}},
       Flags{model,
             toggle("special", "Parse special tokens in the text, and add those that the model expects."),
             toggle("decode", "Decode JSON lists of token ids into text."),
             toggle("json", "With --decode, print each text as a JSON string.")},
       "echo 'A film to remember.' | cuecard tokenize --model SmolLM2"},
  };
}

} // namespace cuecard::host
