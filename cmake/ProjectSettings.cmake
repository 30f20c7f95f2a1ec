# How everything of this project is compiled, linked, found at run time and tested.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

# A newer compiler's new warnings need not stop anybody: `cmake --compile-no-warning-as-error`.
set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
add_compile_options(-Wall -Wextra -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options(-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread) # GCC 12 warns of overlaps in std::string's operator+ that can't be (GCC bug 105651)
endif()
# LibTorch's checks hold the names of their headers; what is packed names no folder of the machine it was built on.
add_compile_options("-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")
# LibTorch's release headers lay out at::RecordFunction differently without NDEBUG.
add_compile_definitions(NDEBUG)

option(CUECARD_SANITIZE "Build with the address and undefined-behaviour sanitizers" OFF)
if(CUECARD_SANITIZE)
  set(CUECARD_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_compile_options(${CUECARD_SANITIZE_FLAGS} -fno-omit-frame-pointer -g1
    -Wno-maybe-uninitialized) # GCC 12 takes std::regex for uninitialized under the sanitizers
  add_compile_definitions(CUECARD_BUILT_WITH_UBSAN)
  add_link_options(${CUECARD_SANITIZE_FLAGS})
endif()

option(BUILD_TESTING "Build the tests" ON)
if(BUILD_TESTING)
  enable_testing()
  # Tests run for a second and are compiled for ten: -O1 takes a quarter off. Without optimisation the precompiled header does not fit.
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set(CUECARD_TEST_OPTIONS -O1)
  endif()
endif()
