# cuecard_add_plugin(ID SOURCES file... [TESTS file...])
#
# The only way a plugin is built, in this tree and out of it: a module `ID.so` that exports nothing but its manifest and links
# nothing but the SDK.
set(CUECARD_PLUGIN_MAP "${CMAKE_CURRENT_LIST_DIR}/plugin.map")

function(cuecard_add_plugin id)
  cmake_parse_arguments(PARSE_ARGV 1 plugin "" "" "SOURCES;TESTS")
  if(NOT plugin_SOURCES)
    message(FATAL_ERROR "cuecard_add_plugin(${id}): SOURCES is missing")
  endif()
  add_library(${id} MODULE ${plugin_SOURCES})
  target_link_libraries(${id} PRIVATE cuecard::sdk)
  target_compile_definitions(${id} PRIVATE NDEBUG)
  set_target_properties(${id} PROPERTIES
    PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    SKIP_BUILD_RPATH ON INSTALL_RPATH ""
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins"
    LINK_DEPENDS "${CUECARD_PLUGIN_MAP}")
  target_link_options(${id} PRIVATE
    LINKER:-z,defs LINKER:-z,nodelete "LINKER:--version-script=${CUECARD_PLUGIN_MAP}")
endfunction()
