/// The manifest of a release, whose plugin.h is found first, in a library that has nothing else: a host reads no more of a plugin that
/// was built for another CUECARD_ABI_MAJOR. Built with -DID="...", and without the SDK's library, which may no longer suit it.
#include <cuecard/plugin.h>

extern "C" __attribute__((visibility("default"))) constexpr cuecard_plugin_v1 cuecard_plugin = {
    .magic = CUECARD_PLUGIN_MAGIC,
    .struct_size = sizeof(cuecard_plugin_v1),
    .abi_major = CUECARD_ABI_MAJOR,
    .abi_minor = CUECARD_ABI_MINOR,
    .abi_kind = CUECARD_ABI_CXX,
    .component_size = sizeof(cuecard_component_v1),
    .id = ID,
    .version = "1.0.0",
    .license = "Apache-2.0",
    .compiler = "",
    .homepage = "",
};
