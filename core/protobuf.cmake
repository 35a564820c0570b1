# The C code of Asynq's messages, made from asynq.proto at build time and never committed.
# Included by core/CMakeLists.txt once the target gofer_objects exists.
find_program(GOFER_PROTOC_C NAMES protoc-c
  DOC "protobuf-c's compiler: protoc-c, or protoc with protoc-gen-c")
if(NOT GOFER_PROTOC_C)   # newer protobuf-c packages may bring the plugin alone
  find_program(GOFER_PROTOC_GEN_C NAMES protoc-gen-c)
  find_program(GOFER_PROTOC NAMES protoc)
  if(NOT GOFER_PROTOC OR NOT GOFER_PROTOC_GEN_C)
    message(FATAL_ERROR "protoc-c is needed to build gofer "
      "(Debian: apt-get install protobuf-c-compiler; Fedora: dnf install protobuf-c-compiler; "
      "elsewhere: protobuf-c)")
  endif()
  set(GOFER_PROTOC_C "${GOFER_PROTOC}" CACHE FILEPATH "" FORCE)
endif()

set(gofer_proto_dir "${CMAKE_CURRENT_LIST_DIR}/src/broker/redis/wire")
set(gofer_proto_out "${CMAKE_CURRENT_BINARY_DIR}/wire")
file(MAKE_DIRECTORY "${gofer_proto_out}")
add_custom_command(
  OUTPUT "${gofer_proto_out}/asynq.pb-c.c" "${gofer_proto_out}/asynq.pb-c.h"
  COMMAND "${GOFER_PROTOC_C}" "--c_out=${gofer_proto_out}" "--proto_path=${gofer_proto_dir}"
    asynq.proto
  DEPENDS "${gofer_proto_dir}/asynq.proto"
  COMMENT "Making asynq.pb-c.c" VERBATIM)
target_sources(gofer_objects PRIVATE
  "${gofer_proto_out}/asynq.pb-c.c" "${gofer_proto_out}/asynq.pb-c.h")
target_include_directories(gofer_objects SYSTEM PRIVATE "${gofer_proto_out}")
# Not our text: what each protoc-c writes and each compiler thinks of it must not break a build.
set_source_files_properties("${gofer_proto_out}/asynq.pb-c.c" PROPERTIES COMPILE_OPTIONS -w)
