/// Marks what the SDK's shared library shows to plugins and hosts; everything else is hidden.
#pragma once

#define CUECARD_API __attribute__((visibility("default")))
