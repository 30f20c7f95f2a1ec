/// The right symbol name, but a function.
extern "C" __attribute__((visibility("default"))) int cuecard_plugin() {
  return 1;
}
