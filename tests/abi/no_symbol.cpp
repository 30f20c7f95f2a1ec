/// A shared library that is not a plugin: the version script hides its symbols.
extern "C" int something_else() {
  return 1;
}
