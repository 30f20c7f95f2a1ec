#include "host/input/line_stream.hpp"

#include <cerrno>
#include <system_error>

#include <poll.h>
#include <unistd.h>

#include <cuecard/error.hpp>

#include "data/text.hpp"
#include "host/interrupt.hpp"

namespace cuecard::host {

bool LineStream::next(std::string& line) {
  for (;;) {
    std::size_t end = waiting_.find('\n', at_);
    if (end == std::string::npos && ended_)
      end = waiting_.size();
    if (end != std::string::npos) {
      if (at_ >= waiting_.size())
        return false;
      line = waiting_.substr(at_, end - at_);
      at_ = end + 1;
      if (line.ends_with('\r'))
        line.pop_back();
      return true;
    }
    if (!Interruptible::wait_for(file_))
      return false;
    fill();
  }
}

bool LineStream::would_wait() const {
  if (ended_ || waiting_.find('\n', at_) != std::string::npos)
    return false;
  pollfd ready{file_, POLLIN, 0};
  return ::poll(&ready, 1, 0) == 0;
}

void LineStream::fill() {
  waiting_.erase(0, at_);
  at_ = 0;
  char block[1 << 16];
  const ssize_t got = ::read(file_, block, sizeof block);
  if (got < 0 && errno != EINTR)
    throw DataError(name_ + " could not be read: " + std::generic_category().message(errno) + ".");
  if (got < 0)
    return;
  ended_ = got == 0;
  const std::string text = decoder_.decode({block, static_cast<std::size_t>(got)}, ended_);
  has_feeds_ = has_feeds_ || text.find('\n') != std::string::npos;
  waiting_ += text;
  if (ended_ && !has_feeds_)
    end_lines_with_feeds(waiting_);
}

} // namespace cuecard::host
