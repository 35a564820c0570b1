# The page's files, page/*, as C arrays: page_files.c, made at build time and never committed.
#
# Included by CMakeLists.txt once the target gofer_web exists; run by it with
# cmake -D SOURCE=folder -D OUT=file -P. bindings/python/build_command.py does the same in Python,
# where there is no CMake.
cmake_minimum_required(VERSION 3.25)

if(NOT CMAKE_SCRIPT_MODE_FILE)
  file(GLOB gofer_page CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/page/*")
  add_custom_command(OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/page_files.c"
    COMMAND "${CMAKE_COMMAND}" -D "SOURCE=${CMAKE_CURRENT_LIST_DIR}/page"
      -D "OUT=${CMAKE_CURRENT_BINARY_DIR}/page_files.c" -P "${CMAKE_CURRENT_LIST_FILE}"
    DEPENDS ${gofer_page} "${CMAKE_CURRENT_LIST_FILE}"
    COMMENT "Embedding the page" VERBATIM)
  target_sources(gofer_web PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/page_files.c")
  return()
endif()

file(GLOB files LIST_DIRECTORIES false "${SOURCE}/*")
list(SORT files)
set(arrays "")
set(table "")
set(digests "")
set(number 0)
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" hex HEX)
  file(SIZE "${file}" size)
  file(SHA256 "${file}" digest)
  string(APPEND digests "${name} ${digest}\n")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char file_${number}[] = {${bytes}0};\n")
  string(APPEND table "    { \"${name}\", file_${number}, ${size} },\n")
  math(EXPR number "${number} + 1")
endforeach()
string(SHA256 version "${digests}")
string(SUBSTRING "${version}" 0 16 version)
file(WRITE "${OUT}.new" "// page_files.c - made by page.cmake from the files of page/.
#include \"page.h\"

${arrays}
const web_file web_page_files[] = {
${table}    { NULL, NULL, 0 },
};
const char web_page_version[] = \"${version}\";
")
file(RENAME "${OUT}.new" "${OUT}")
