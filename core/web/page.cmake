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

# The bytes of a file as an array.
function(add_array name file)
  file(READ "${file}" hex HEX)
  if(file MATCHES "\\.gz$")     # the same today and tomorrow: without the time
    string(SUBSTRING "${hex}" 0 8 begin)
    string(SUBSTRING "${hex}" 16 -1 rest)
    set(hex "${begin}00000000${rest}")
  endif()
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  set(arrays "${arrays}static const unsigned char ${name}[] = {${bytes}0};\n" PARENT_SCOPE)
endfunction()

foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  file(ARCHIVE_CREATE OUTPUT "${OUT}.gz" PATHS "${file}" FORMAT raw COMPRESSION GZip
    COMPRESSION_LEVEL 9)
  file(SIZE "${file}" size)
  file(SIZE "${OUT}.gz" packed)
  file(SHA256 "${file}" digest)
  string(APPEND digests "${name} ${digest}\n")
  add_array(file_${number} "${file}")
  add_array(packed_${number} "${OUT}.gz")
  string(APPEND table
    "    { \"${name}\", file_${number}, ${size}, packed_${number}, ${packed} },\n")
  math(EXPR number "${number} + 1")
endforeach()
string(SHA256 version "${digests}")
string(SUBSTRING "${version}" 0 16 version)
file(WRITE "${OUT}.new" "// page_files.c - made by page.cmake from the files of page/.
#include \"page.h\"

${arrays}
const web_file web_page_files[] = {
${table}    { NULL, NULL, 0, NULL, 0 },
};
const char web_page_version[] = \"${version}\";
")
file(REMOVE "${OUT}.gz")
file(RENAME "${OUT}.new" "${OUT}")
