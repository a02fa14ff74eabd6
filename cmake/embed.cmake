# sluice_embed(TARGET FUNCTION file...): adds a source to TARGET that defines `sluice::EmbeddedFiles FUNCTION()`, the files
# as they are, sorted by name. FUNCTION is qualified: sluice::config::rule_pack_files.
function(sluice_embed target function)
  string(REGEX REPLACE "::[^:]*$" "" namespace ${function})
  string(REGEX REPLACE "^.*::" "" name ${function})
  set(rows "")
  set(texts "")
  set(index 0)
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(short ${file} NAME)
    file(READ ${file} text)
    string(APPEND texts "constexpr char kText${index}[] = R\"~sluice~(${text})~sluice~\";\n")
    string(APPEND rows "    {\"${short}\", {kText${index}, sizeof kText${index} - 1}},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  set(out ${CMAKE_BINARY_DIR}/embedded/${name}.cc)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT "#include \"core/embedded.h\"

namespace @namespace@ {
namespace {
@texts@
}  // namespace

sluice::EmbeddedFiles @name@() {
  static constexpr sluice::EmbeddedFile kFiles[] = {
@rows@    {},
  };
  return {kFiles, sizeof kFiles / sizeof kFiles[0] - 1};
}

}  // namespace @namespace@
")
  target_sources(${target} PRIVATE ${out})
endfunction()
