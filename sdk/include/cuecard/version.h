/* Version of the SDK, as the package find_package(cuecard) reports it. Readable as C11 and C++20. The versions of the plugin
 * contract are separate: see plugin.h. */
#ifndef CUECARD_VERSION_H
#define CUECARD_VERSION_H

#define CUECARD_VERSION_MAJOR 0
#define CUECARD_VERSION_MINOR 2
#define CUECARD_VERSION_PATCH 0

#endif
