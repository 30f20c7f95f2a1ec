# cuecard_add_test(NAME SOURCES file... [LINK library...] [LABELS label...])
#
# One doctest program, built and registered in CTest under its name, with the label `unit` unless others are given. Sources may
# read files of the project below CUECARD_SOURCE_DIR. A test that finds something absent that it can do without prints
# "SKIPPED: " and the reason as its only result; CTest then lists it as skipped.
function(cuecard_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 test "" "" "SOURCES;LINK;LABELS")
  if(test_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cuecard_add_test(${name}): takes SOURCES, LINK and LABELS, not ${test_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT BUILD_TESTING OR NOT test_SOURCES)
    return()
  endif()
  find_package(doctest REQUIRED)
  if(NOT test_LABELS)
    set(test_LABELS unit)
  endif()
  add_executable(${name} ${test_SOURCES})
  target_link_libraries(${name} PRIVATE ${test_LINK} doctest::doctest)
  target_compile_definitions(${name} PRIVATE "CUECARD_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${test_LABELS}" TIMEOUT 900)
endfunction()
