/// Passed to `create` of hostile.cpp's tuner instead of options.
#pragma once

struct Calls {
  int created = 0;
  int destroyed = 0;
};
