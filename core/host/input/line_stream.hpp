/// Lines of standard input as they arrive.
#pragma once

#include <string>

#include "data/formats/text_decoder.hpp"

namespace cuecard::host {

/// Lines of a file descriptor, without their ends (LF or CR LF; CR, at the end of a stream without any LF). A byte-order mark is not part of the first one, and
/// UTF-16 is decoded. `name` begins the errors.
class LineStream {
public:
  LineStream(int file, std::string name) : file_(file), name_(name), decoder_(std::move(name)) {}

  /// False at the end of the stream, or if Ctrl-C came before the end of the line.
  bool next(std::string& line);

  /// Whether `next` would have to wait for more data.
  bool would_wait() const;

private:
  void fill();

  int file_;
  std::string name_;
  TextDecoder decoder_;
  std::string waiting_;
  std::size_t at_ = 0;
  bool ended_ = false, has_feeds_ = false;
};

} // namespace cuecard::host
