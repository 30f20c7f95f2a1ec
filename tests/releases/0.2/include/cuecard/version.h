/* Version of the SDK, as find_package(cuecard) reports it. Readable as C11 and C++20. The versions of the plugin
 * contract are separate: see plugin.h. */
#ifndef CUECARD_VERSION_H
#define CUECARD_VERSION_H

#define CUECARD_VERSION_MAJOR 0
#define CUECARD_VERSION_MINOR 2
#define CUECARD_VERSION_PATCH 0
/* The version as text, which is also the version of the bundled plugins. */
#define CUECARD_VERSION_TEXT                                                                                   \
  CUECARD_JOIN_VERSION(CUECARD_VERSION_MAJOR, CUECARD_VERSION_MINOR, CUECARD_VERSION_PATCH)
#define CUECARD_JOIN_VERSION(major, minor, patch) CUECARD_QUOTE_VERSION(major, minor, patch)
#define CUECARD_QUOTE_VERSION(major, minor, patch) #major "." #minor "." #patch

#endif
