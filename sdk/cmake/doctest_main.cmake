# The target cuecard-doctest-main: doctest with a `main`. A static library, so that an executable's own `main` takes precedence.
if(NOT TARGET cuecard-doctest-main)
  find_package(doctest REQUIRED)
  add_library(cuecard-doctest-main STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_LIST_DIR}/doctest_main.cpp")
  target_compile_features(cuecard-doctest-main PUBLIC cxx_std_20)
  target_link_libraries(cuecard-doctest-main PUBLIC doctest::doctest)
endif()
