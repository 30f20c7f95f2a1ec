/// A shared library that is no plugin: the version script hides what it has.
extern "C" int something_else() {
  return 1;
}
