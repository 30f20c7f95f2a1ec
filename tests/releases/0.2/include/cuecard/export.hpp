/// Marks the symbols that the SDK's shared library exports to plugins and hosts; all others are hidden.
#pragma once

#define CUECARD_API __attribute__((visibility("default")))
