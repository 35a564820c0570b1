# What `cmake --install` puts where: the library, its header, find_package(gofer) and pkg-config.
# Included by core/CMakeLists.txt once the target `gofer` exists.
include(CMakePackageConfigHelpers)

install(TARGETS gofer EXPORT goferTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY "${CMAKE_CURRENT_LIST_DIR}/include/gofer" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(gofer_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/gofer")
install(EXPORT goferTargets NAMESPACE gofer:: DESTINATION "${gofer_cmake_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/goferConfig.cmake.in"
  "${CMAKE_CURRENT_BINARY_DIR}/goferConfig.cmake" INSTALL_DESTINATION "${gofer_cmake_dir}")
# Before 1.0 a minor version may break; from then on only a major one (see docs/abi.md).
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/goferConfigVersion.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/goferConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/goferConfigVersion.cmake" DESTINATION "${gofer_cmake_dir}")

# gofer.pc finds its prefix from where it lies, so an installed tree may be moved, and
# `cmake --install --prefix` may choose another.
# Absolute folders (some distributions) stay as they are.
set(gofer_pc_prefix "${CMAKE_INSTALL_PREFIX}")
set(gofer_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
set(gofer_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  file(RELATIVE_PATH gofer_pc_up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
  string(REGEX REPLACE "/$" "" gofer_pc_up "${gofer_pc_up}")
  set(gofer_pc_prefix "\${pcfiledir}/${gofer_pc_up}")
  set(gofer_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(gofer_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/gofer.pc.in" "${CMAKE_CURRENT_BINARY_DIR}/gofer.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/gofer.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
