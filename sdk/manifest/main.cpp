/// cuecard-manifest FILE.so: prints the sidecar of a plugin, read from the library without executing any of it.
#include <cstdio>
#include <exception>
#include <string>

#include <cuecard/error.hpp>

#include "read_manifest.hpp"
#include "sidecar.hpp"

int main(int argc, char** argv) {
  const std::string argument = argc == 2 ? argv[1] : "";
  if (argument.empty() || argument.front() == '-') {
    const bool help = argument == "--help" || argument == "-h";
    std::fputs("usage: cuecard-manifest FILE.so > FILE.json\n"
               "Prints the sidecar of a Cuecard plugin without loading the library.\n",
               help ? stdout : stderr);
    return help ? 0 : 2;
  }
  try {
    const std::string text = cuecard::sidecar_text(cuecard::read_library(argument));
    const bool written =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (!written)
      std::fputs("cuecard-manifest: can't write to standard output.\n", stderr);
    return written ? 0 : 3;
  } catch (const cuecard::Error& error) {
    std::fprintf(stderr, "cuecard-manifest: %s\n", error.what());
    return error.kind() == cuecard::Error::Kind::data ? 3 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cuecard-manifest: %s\n", error.what());
    return 1;
  }
}
