/// The right name on the wrong thing.
extern "C" __attribute__((visibility("default"))) int cuecard_plugin() {
  return 1;
}
