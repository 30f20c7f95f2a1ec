#include "host/report/report_charts.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace cuecard::host {

namespace {

constexpr int width = 760, height = 320, left = 64, right = 16, top = 12, bottom = 36;
constexpr std::size_t max_points = 400;
/// Colour-blind safe palette (Okabe & Ito 2008).
constexpr const char* colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};

std::string number(double value, int digits = 1) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string tick(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

const char* colour(std::size_t index) {
  return colours[index % std::size(colours)];
}

std::string line(double x1, double y1, double x2, double y2, const std::string& kind) {
  return "<line class=\"" + kind + "\" x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\"/>\n";
}

std::string label(double x, double y, const std::string& anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" +
         escaped(text) + "</text>\n";
}

struct Point {
  double step, value;
};

/// Averages neighbours, so that at most `max_points` remain.
std::vector<Point> downsampled(const std::vector<double>& values) {
  const std::size_t group = (values.size() + max_points - 1) / max_points;
  std::vector<Point> points;
  for (std::size_t begin = 0; begin < values.size(); begin += group) {
    const std::size_t end = std::min(begin + group, values.size());
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i)
      sum += values[i];
    points.push_back({(static_cast<double>(begin) + static_cast<double>(end) + 1) / 2,
                      sum / static_cast<double>(end - begin)});
  }
  return points;
}

/// A round distance that gives about five ticks.
double tick_distance(double range) {
  const double power = std::pow(10.0, std::floor(std::log10(range / 5)));
  for (const double step : {1.0, 2.0, 5.0})
    if (range / (step * power) <= 6)
      return step * power;
  return 10 * power;
}

} // namespace

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
    case '&':
      result += "&amp;";
      break;
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '"':
      result += "&quot;";
      break;
    case '\'':
      result += "&#39;";
      break;
    default:
      result += c;
    }
  }
  return result;
}

std::string line_chart(const std::vector<Curve>& curves) {
  double steps = 1, low = INFINITY, high = -INFINITY;
  std::vector<std::vector<Point>> drawn;
  for (const Curve& curve : curves) {
    drawn.push_back(downsampled(curve.values));
    steps = std::max(steps, static_cast<double>(curve.values.size()));
    for (const Point& point : drawn.back())
      if (std::isfinite(point.value)) {
        low = std::min(low, point.value);
        high = std::max(high, point.value);
      }
  }
  if (!std::isfinite(low))
    return "";
  low = std::min(low, 0.0); // start the axis at 0, so that small losses look small
  if (high <= low)
    high = low + 1;
  const double legend = 18.0 * static_cast<double>(curves.size());
  const auto x = [&](double step) {
    return left + (step - 1) / std::max(1.0, steps - 1) * (width - left - right);
  };
  const auto y = [&](double value) { return top + (high - value) / (high - low) * (height - top - bottom); };

  std::string svg = "<svg viewBox=\"0 0 " + std::to_string(width) + " " + number(height + legend, 0) +
                    "\" role=\"img\" aria-label=\"curves\">\n";
  const double distance = tick_distance(high - low);
  for (double value = std::ceil(low / distance) * distance; value <= high; value += distance) {
    svg += line(left, y(value), width - right, y(value), "grid");
    svg += label(left - 6, y(value) + 4, "end", tick(value));
  }
  const double across = std::max(1.0, tick_distance(std::max(1.0, steps)));
  for (double step = across; step <= steps; step += across)
    svg += label(x(step), height - bottom + 18, "middle", tick(step));
  svg += line(left, height - bottom, width - right, height - bottom, "axis");
  for (std::size_t i = 0; i < curves.size(); ++i) {
    std::string points;
    const auto flush = [&]() {
      if (!points.empty())
        svg += "<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"" + std::string(colour(i)) +
               "\" points=\"" + points + "\"/>\n";
      points.clear();
    };
    for (const Point& point : drawn[i]) {
      if (!std::isfinite(point.value)) {
        flush();
        continue;
      }
      points += (points.empty() ? "" : " ") + number(x(point.step)) + "," + number(y(point.value));
    }
    flush();
    const double at = height + 18.0 * static_cast<double>(i);
    svg += "<rect x=\"" + std::to_string(left) + "\" y=\"" + number(at - 8) +
           "\" width=\"14\" height=\"4\" fill=\"" + colour(i) + "\"/>\n";
    svg += label(left + 22, at, "start", curves[i].name);
  }
  return svg + "</svg>\n";
}

std::string interval_chart(const std::vector<Estimate>& estimates) {
  constexpr double names = 220, row = 24;
  const auto x = [&](double value) { return names + std::clamp(value, 0.0, 1.0) * (width - names - 40); };
  const double depth = row * static_cast<double>(estimates.size()) + 30;
  std::string svg = "<svg viewBox=\"0 0 " + std::to_string(width) + " " + number(depth, 0) +
                    "\" role=\"img\" aria-label=\"estimates with intervals\">\n";
  for (const double value : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    svg += line(x(value), 4, x(value), depth - 22, "grid");
    svg += label(x(value), depth - 6, "middle", tick(value));
  }
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    const double y = row * static_cast<double>(i) + 16;
    svg += label(names - 8, y + 4, "end", estimates[i].name);
    svg += line(x(estimates[i].low), y, x(estimates[i].high), y, "interval");
    svg += "<circle cx=\"" + number(x(estimates[i].value)) + "\" cy=\"" + number(y) + "\" r=\"4\" fill=\"" +
           colour(0) + "\"/>\n";
  }
  return svg + "</svg>\n";
}

} // namespace cuecard::host
