#include "host/runs/progress.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <unistd.h>

namespace cuecard::host {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int bar_width = 24;
constexpr auto redraw_every = std::chrono::milliseconds(100);
constexpr auto silent_for = std::chrono::seconds(1); // short runs print no progress lines to a log

std::string duration(double seconds) {
  const int64_t whole = std::llround(seconds);
  char text[40];
  std::snprintf(text, sizeof text, "%ld:%02ld", static_cast<long>(whole / 60), static_cast<long>(whole % 60));
  return text;
}

} // namespace

ProgressBar::ProgressBar(std::string what, int64_t total, bool quiet)
    : what_(std::move(what)), total_(total), quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()) {}

ProgressBar::~ProgressBar() {
  if (open_)
    std::fputc('\n', stderr);
}

void ProgressBar::show(int64_t done, int64_t total, const std::string& note) {
  total_ = total;
  show(done, note);
}

void ProgressBar::show(int64_t done, const std::string& note) {
  if (quiet_)
    return;
  const auto now = Clock::now();
  if (terminal_) {
    if (done < total_ && now - drawn_ < redraw_every)
      return;
    std::fprintf(stderr, "\r%s\x1b[K", line(done, note).c_str());
    open_ = true;
  } else {
    const int64_t tenth = total_ > 0 ? done * 10 / total_ : 0;
    if (tenth <= printed_tenth_ || now - start_ < silent_for)
      return;
    printed_tenth_ = tenth;
    std::fprintf(stderr, "%s\n", line(done, note).c_str());
  }
  drawn_ = now;
  std::fflush(stderr);
}

std::string ProgressBar::line(int64_t done, const std::string& note) const {
  const double share =
      total_ > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total_), 0.0, 1.0) : 0;
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  std::string text = what_ + " ";
  if (terminal_) {
    const auto filled = static_cast<std::size_t>(share * bar_width);
    text += "[" + std::string(filled, '=') + std::string(bar_width - filled, ' ') + "] ";
  }
  text += std::to_string(done) + "/" + std::to_string(total_) + "  " + duration(seconds);
  if (share > 0 && share < 1)
    text += ", " + duration(seconds / share - seconds) + " left";
  return note.empty() ? text : text + "  " + note;
}

} // namespace cuecard::host
