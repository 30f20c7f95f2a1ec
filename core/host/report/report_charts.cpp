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

/// The points of a curve; those of one with a value per step are averaged.
std::vector<Point> points_of(const Curve& curve) {
  if (curve.steps.empty())
    return downsampled(curve.values);
  std::vector<Point> points;
  for (std::size_t i = 0; i < curve.steps.size(); ++i)
    points.push_back({curve.steps[i], curve.values[i]});
  return points;
}

std::string dot(double x, double y, double radius, const std::string& fill) {
  return "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"" + number(radius) + "\" fill=\"" +
         fill + "\"/>\n";
}

constexpr double legend_line = 18;

/// The name of curve `index` in the list below a chart whose drawing ends at `below`.
std::string legend(std::size_t index, double below, const std::string& name) {
  const double y = below + legend_line * static_cast<double>(index);
  return "<rect x=\"" + std::to_string(left) + "\" y=\"" + number(y - 8) +
         "\" width=\"14\" height=\"4\" fill=\"" + colour(index) + "\"/>\n" + label(left + 22, y, "start", name);
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
    drawn.push_back(points_of(curve));
    steps = std::max(steps, curve.steps.empty() ? static_cast<double>(curve.values.size())
                                                : *std::max_element(curve.steps.begin(), curve.steps.end()));
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
  const auto x = [&](double step) {
    return left + (step - 1) / std::max(1.0, steps - 1) * (width - left - right);
  };
  const auto y = [&](double value) { return top + (high - value) / (high - low) * (height - top - bottom); };

  std::string svg = "<svg viewBox=\"0 0 " + std::to_string(width) + " " +
                    number(height + legend_line * static_cast<double>(curves.size()), 0) +
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
    if (!curves[i].steps.empty())
      for (const Point& point : drawn[i])
        if (std::isfinite(point.value))
          svg += dot(x(point.step), y(point.value), 3, colour(i));
    svg += legend(i, height, curves[i].name);
  }
  return svg + "</svg>\n";
}

std::string calibration_chart(const std::vector<CalibrationCurve>& curves) {
  if (curves.empty())
    return "";
  constexpr double side = height - top - bottom, largest = 9, smallest = 2;
  const auto x = [](double value) { return left + value * side; };
  const auto y = [](double value) { return top + (1 - value) * side; };
  std::string svg = "<svg class=\"square\" viewBox=\"0 0 " + number(left + side + right, 0) + " " +
                    number(height + legend_line * static_cast<double>(curves.size() + 1), 0) +
                    "\" role=\"img\" aria-label=\"fraction of correct predictions by probability\">\n";
  for (const double value : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    svg += line(x(0), y(value), x(1), y(value), "grid") + label(left - 6, y(value) + 4, "end", tick(value));
    svg += line(x(value), y(0), x(value), y(1), "grid") +
           label(x(value), height - bottom + 18, "middle", tick(value));
  }
  svg += line(x(0), y(0), x(1), y(1), "axis");
  for (std::size_t i = 0; i < curves.size(); ++i) {
    double sum = 0;
    std::string points;
    for (const CalibrationPoint& point : curves[i].points) {
      sum += static_cast<double>(point.n);
      points += (points.empty() ? "" : " ") + number(x(point.confidence)) + "," + number(y(point.accuracy));
    }
    svg += "<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"" + std::string(colour(i)) + "\" points=\"" +
           points + "\"/>\n";
    for (const CalibrationPoint& point : curves[i].points)
      svg += dot(x(point.confidence), y(point.accuracy),
                 std::max(smallest, largest * std::sqrt(static_cast<double>(point.n) / std::max(1.0, sum))),
                 colour(i));
    svg += legend(i, height + legend_line, curves[i].name);
  }
  return svg + "</svg>\n";
}

std::string interval_chart(const std::vector<Estimate>& estimates) {
  constexpr double row = 40; // a line with the name, which may be long, and one with the interval
  const auto x = [](double value) { return left + std::clamp(value, 0.0, 1.0) * (width - left - right); };
  const double depth = row * static_cast<double>(estimates.size()) + 30;
  std::string svg = "<svg viewBox=\"0 0 " + std::to_string(width) + " " + number(depth, 0) +
                    "\" role=\"img\" aria-label=\"estimates with intervals\">\n";
  for (const double value : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    svg += line(x(value), 4, x(value), depth - 22, "grid");
    svg += label(x(value), depth - 6, "middle", tick(value));
  }
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    const double y = row * static_cast<double>(i) + 32;
    svg += label(left, y - 14, "start", estimates[i].name);
    svg += line(x(estimates[i].low), y, x(estimates[i].high), y, "interval");
    svg += dot(x(estimates[i].value), y, 4, colour(0));
  }
  return svg + "</svg>\n";
}

} // namespace cuecard::host
