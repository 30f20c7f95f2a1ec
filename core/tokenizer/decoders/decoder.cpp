#include "tokenizer/decoders/decoder.hpp"

#include <algorithm>
#include <optional>

#include <cuecard/error.hpp>

#include "tokenizer/text/byte_level.hpp"
#include "tokenizer/text/pattern.hpp"
#include "tokenizer/text/replace_all.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

class Sequence final : public Decoder {
public:
  explicit Sequence(const Field& settings) {
    for (const Field& step : settings.at("decoders").items())
      steps_.push_back(make_decoder(step));
  }

  void apply(std::vector<std::string>& pieces) const override {
    for (const auto& step : steps_)
      step->apply(pieces);
  }

private:
  std::vector<std::unique_ptr<const Decoder>> steps_;
};

/// Maps characters of the byte-level alphabet to bytes; a piece with any other character is kept unchanged.
class ByteLevel final : public Decoder {
public:
  void apply(std::vector<std::string>& pieces) const override {
    std::string bytes;
    for (const std::string& piece : pieces) {
      const size_t before = bytes.size();
      for (size_t at = 0; at < piece.size();) {
        const auto byte = byte_level_byte(next_char(piece, at));
        if (!byte) {
          bytes.resize(before);
          bytes += piece;
          break;
        }
        bytes.push_back(*byte);
      }
    }
    pieces.assign(1, valid_utf8(bytes));
  }
};

/// Decodes runs of pieces such as `<0xE2>`; a run that is not valid UTF-8 becomes one U+FFFD per byte.
class ByteFallback final : public Decoder {
public:
  void apply(std::vector<std::string>& pieces) const override {
    std::vector<std::string> decoded;
    std::string run;
    const auto end_run = [&] {
      if (!run.empty())
        decoded.push_back(text_of(run));
      run.clear();
    };
    for (std::string& piece : pieces) {
      if (const auto byte = byte_of(piece)) {
        run.push_back(*byte);
        continue;
      }
      end_run();
      decoded.push_back(std::move(piece));
    }
    end_run();
    pieces = std::move(decoded);
  }

private:
  static std::optional<char> byte_of(const std::string& piece) {
    if (piece.size() != 6 || !starts_with(piece, "<0x") || piece.back() != '>')
      return std::nullopt;
    int byte = 0;
    for (const char digit : {piece[3], piece[4]}) {
      const int value = digit >= '0' && digit <= '9'   ? digit - '0'
                        : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                        : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                                       : -1;
      if (value < 0)
        return std::nullopt;
      byte = 16 * byte + value;
    }
    return static_cast<char>(byte);
  }

  static std::string text_of(const std::string& run) {
    for (size_t at = 0; at < run.size();) {
      const Decoded decoded = decode_at(run, at);
      if (!decoded.valid) {
        std::string replaced;
        for (size_t byte = 0; byte < run.size(); ++byte)
          append_utf8(replaced, 0xFFFD);
        return replaced;
      }
      at += decoded.length;
    }
    return run;
  }
};

class Fuse final : public Decoder {
public:
  void apply(std::vector<std::string>& pieces) const override {
    std::string all;
    for (const std::string& piece : pieces)
      all += piece;
    pieces = {std::move(all)};
  }
};

/// Strips up to `start` and `stop` copies of a character from the ends of each piece.
class Strip final : public Decoder {
public:
  explicit Strip(const Field& settings)
      : content_(settings.at("content").character()), start_(settings.integer("start", 0, 0, INT32_MAX)),
        stop_(settings.integer("stop", 0, 0, INT32_MAX)) {}

  void apply(std::vector<std::string>& pieces) const override {
    for (std::string& piece : pieces) {
      size_t begin = 0, end = piece.size();
      for (int64_t times = 0; times < start_ && piece.compare(begin, content_.size(), content_) == 0; ++times)
        begin += content_.size();
      for (int64_t times = 0; times < stop_ && end >= begin + content_.size() &&
                              piece.compare(end - content_.size(), content_.size(), content_) == 0;
           ++times)
        end -= content_.size();
      piece = piece.substr(begin, end - begin);
    }
  }

private:
  std::string content_;
  int64_t start_, stop_;
};

/// The output size is limited, because nested replacements can double a text many times.
class Replace final : public Decoder {
  static constexpr size_t max_bytes = size_t{4} << 20;

public:
  explicit Replace(const Field& settings)
      : pattern_(make_pattern(settings.at("pattern"))), content_(settings.at("content").string()) {}

  void apply(std::vector<std::string>& pieces) const override {
    std::vector<Span> found;
    for (std::string& piece : pieces) {
      found.clear();
      if (!piece.empty())
        pattern_->find_all(piece, found);
      if (found.empty())
        continue;
      std::string replaced;
      size_t at = 0;
      for (const Span match : found) {
        replaced.append(piece, at, match.begin - at).append(content_);
        at = match.end;
        if (replaced.size() > piece.size() && replaced.size() > max_bytes)
          throw DataError("the tokenizer's decoder produces more than " + std::to_string(max_bytes) +
                          " bytes from " + std::to_string(piece.size()) +
                          "; its file is damaged or malicious, so download the model again.");
      }
      piece = replaced.append(piece, at);
    }
  }

private:
  std::unique_ptr<const Pattern> pattern_;
  std::string content_;
};

class Metaspace final : public Decoder {
public:
  explicit Metaspace(const Field& settings)
      : replacement_(settings.find("replacement") ? settings.at("replacement").character() : "\u2581"),
        prepend_(settings.string("prepend_scheme",
                                 settings.flag("add_prefix_space", true) ? "always" : "never") != "never") {}

  void apply(std::vector<std::string>& pieces) const override {
    for (size_t index = 0; index < pieces.size(); ++index)
      replace_all(pieces[index], replacement_, index == 0 && prepend_ ? "" : " ");
  }

private:
  std::string replacement_;
  bool prepend_;
};

} // namespace

namespace {

/// The package doesn't look at the type of these where their keys are there.
std::string decoder_type(const Field& settings) {
  static const std::vector<std::string> known = {"Sequence", "WordPiece", "ByteLevel",  "ByteFallback",
                                                 "Fuse",     "Strip",     "BPEDecoder", "CTC",
                                                 "Replace",  "Metaspace"};
  const std::string type = settings.string("type", "");
  if (std::find(known.begin(), known.end(), type) != known.end())
    return type;
  if (settings.has({"suffix"}))
    return "BPEDecoder";
  if (settings.has({"prefix", "cleanup"}))
    return "WordPiece";
  if (settings.has({"pad_token", "word_delimiter_token", "cleanup"}))
    return "CTC";
  if (settings.has({"decoders"}))
    return "Sequence";
  if (settings.has({"pattern", "content"}))
    return "Replace";
  if (settings.has({"content", "start", "stop"}))
    return "Strip";
  settings.at("type").fail_unknown(type, known);
}

} // namespace

std::unique_ptr<const Decoder> make_decoder(const Field& settings) {
  const std::string type = decoder_type(settings);
  if (type == "Sequence")
    return std::make_unique<Sequence>(settings);
  if (type == "WordPiece")
    return make_wordpiece_decoder(settings);
  if (type == "BPEDecoder")
    return make_word_end_decoder(settings);
  if (type == "CTC")
    return make_ctc_decoder(settings);
  if (type == "ByteLevel")
    return std::make_unique<ByteLevel>();
  if (type == "ByteFallback")
    return std::make_unique<ByteFallback>();
  if (type == "Fuse")
    return std::make_unique<Fuse>();
  if (type == "Strip")
    return std::make_unique<Strip>(settings);
  if (type == "Replace")
    return std::make_unique<Replace>(settings);
  return std::make_unique<Metaspace>(settings);
}

} // namespace cuecard::tokenizer
