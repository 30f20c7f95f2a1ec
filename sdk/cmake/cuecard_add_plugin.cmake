# cuecard_add_plugin(ID SOURCES file... [README file] [TESTS file...] [TEST_LINK library...] [CHECK argument...])
#
# Builds a plugin, in Cuecard's own tree or outside it: a module `ID.so` that exports only its manifest and links only the SDK, and
# its sidecar `ID.json`. Both are written to plugins/ABI in the build folder, where ABI is the version of the SDK's ABI and of
# LibTorch (abi3-torch2.15), and installed to lib/cuecard/plugins/ABI.
#
# With BUILD_TESTING the test `ID-check` runs the plugin through the conformance kit, `cuecard plugin check`; CHECK lists further
# arguments of it, such as `--set words=FILE` for an option without which a component can't be used.
#
# TESTS are built into a doctest executable `ID-test`, linked with the plugin's object files and registered in CTest with the label
# `plugin:ID`; TEST_LINK lists additional libraries for it. README is installed with the plugin.
function(cuecard_add_plugin id)
  cmake_parse_arguments(PARSE_ARGV 1 plugin "" "README" "SOURCES;TESTS;TEST_LINK;CHECK")
  if(NOT plugin_SOURCES OR plugin_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cuecard_add_plugin(${id}): expects SOURCES (at least one), README, TESTS, TEST_LINK and CHECK, not \"${plugin_UNPARSED_ARGUMENTS}\"")
  endif()
  if(NOT id MATCHES "^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
    message(FATAL_ERROR "cuecard_add_plugin(${id}): a plugin's id must be lower-case words joined by '-', such as prefix-tuning")
  endif()
  get_target_property(abi cuecard::sdk CUECARD_PLUGIN_ABI)
  set(folder "${CMAKE_BINARY_DIR}/plugins/${abi}")
  set(installed_folder "lib/cuecard/plugins/${abi}")
  set(exports "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map")

  add_library(${id}-objects OBJECT ${plugin_SOURCES})
  target_link_libraries(${id}-objects PUBLIC cuecard::sdk)
  # Without NDEBUG, a class of LibTorch has a different layout than in its release build.
  target_compile_definitions(${id}-objects PRIVATE NDEBUG)
  target_compile_options(${id}-objects PRIVATE $<$<CONFIG:>:-O2>) # if no build type is set
  set_target_properties(${id}-objects PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

  # No run path: the host has already loaded the SDK and LibTorch. Never unloaded: objects may outlive a dlclose.
  add_library(${id} MODULE)
  target_link_libraries(${id} PRIVATE ${id}-objects)
  set_target_properties(${id} PROPERTIES
    PREFIX "" LINKER_LANGUAGE CXX SKIP_BUILD_RPATH ON INSTALL_RPATH ""
    LIBRARY_OUTPUT_DIRECTORY "${folder}"
    LINK_DEPENDS "${exports};$<TARGET_FILE:cuecard::manifest>")
  target_link_options(${id} PRIVATE LINKER:-z,defs LINKER:-z,nodelete "LINKER:--version-script=${exports}")
  add_custom_command(TARGET ${id} POST_BUILD
    COMMAND cuecard::manifest $<TARGET_FILE:${id}> > ${id}.json.part
    COMMAND "${CMAKE_COMMAND}" -E rename ${id}.json.part ${id}.json
    WORKING_DIRECTORY "${folder}" BYPRODUCTS "${folder}/${id}.json" VERBATIM)

  install(TARGETS ${id} LIBRARY DESTINATION "${installed_folder}")
  install(FILES "${folder}/${id}.json" DESTINATION "${installed_folder}")
  if(plugin_README)
    install(FILES "${plugin_README}" DESTINATION "share/cuecard/plugins/${id}")
  endif()
  set_property(GLOBAL APPEND PROPERTY CUECARD_PLUGINS ${id})
  if(TARGET program) # in Cuecard's own tree
    add_dependencies(program ${id})
  endif()

  if(BUILD_TESTING)
    add_test(NAME ${id}-check COMMAND "${CUECARD_PROGRAM}" plugin check $<TARGET_FILE:${id}> ${plugin_CHECK})
    set_tests_properties(${id}-check PROPERTIES LABELS "plugin:${id}" TIMEOUT 900)
  endif()
  if(plugin_TESTS AND BUILD_TESTING)
    include("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/doctest_main.cmake")
    add_executable(${id}-test ${plugin_TESTS})
    target_link_libraries(${id}-test PRIVATE ${id}-objects ${plugin_TEST_LINK} cuecard-doctest-main)
    target_compile_options(${id}-test PRIVATE ${CUECARD_TEST_OPTIONS}) # empty outside Cuecard's own tree
    target_compile_definitions(${id}-test PRIVATE NDEBUG "CUECARD_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
    set_target_properties(${id}-test PROPERTIES CXX_EXTENSIONS OFF RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    add_test(NAME ${id}-test COMMAND ${id}-test)
    set_tests_properties(${id}-test PROPERTIES LABELS "plugin:${id}" TIMEOUT 900)
  endif()
endfunction()
