/// What the tests hand to `create` of hostile.cpp's tuner in place of options.
#pragma once

struct Calls {
  int created = 0;
  int destroyed = 0;
};
