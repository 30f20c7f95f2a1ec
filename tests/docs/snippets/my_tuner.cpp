#include "my_tuner.hpp"
