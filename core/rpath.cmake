# gofer_rpath(OUT FOLDER): where a program that is installed in FOLDER finds libgofer.
# Relative to the program, so that an installed tree may be moved; absolute where one of the
# folders is (some distributions).
function(gofer_rpath out folder)
  set(origin "$ORIGIN")
  if(APPLE)
    set(origin "@loader_path")
  endif()
  if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(rpath "${CMAKE_INSTALL_LIBDIR}")
  elseif(IS_ABSOLUTE "${folder}")
    set(rpath "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}")
  else()
    file(RELATIVE_PATH way "/prefix/${folder}" "/prefix/${CMAKE_INSTALL_LIBDIR}")
    set(rpath "${origin}/${way}")
  endif()
  set(${out} "${rpath}" PARENT_SCOPE)
endfunction()
