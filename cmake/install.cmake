# What `cmake --install` gives: the program, the library with its headers, a CMake package, a pkg-config file, and the
# mapping files as examples to write one's own after (the library has them built in).
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/transload)

install(TARGETS transload EXPORT transload_targets FILE_SET HEADERS)
if(TARGET transload_proof)
  install(TARGETS transload_proof EXPORT transload_targets FILE_SET HEADERS)
endif()
if(TARGET transload_cli)
  install(TARGETS transload_cli)
  if(BUILD_SHARED_LIBS)
    set_target_properties(transload_cli PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  endif()
endif()
install(DIRECTORY mappings/ DESTINATION ${CMAKE_INSTALL_DATADIR}/transload/mappings OPTIONAL
        FILES_MATCHING PATTERN "*.toml")

install(EXPORT transload_targets NAMESPACE transload:: FILE transload-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/transload-config.cmake.in ${PROJECT_BINARY_DIR}/transload-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/transload-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/transload-config.cmake ${PROJECT_BINARY_DIR}/transload-config-version.cmake
        DESTINATION ${package_dir})

# A static library has to name what it stands on; a shared one carries that itself.
if(BUILD_SHARED_LIBS)
  set(TRANSLOAD_PC_REQUIRES Requires.private)
else()
  set(TRANSLOAD_PC_REQUIRES Requires)
endif()
# The folder is worked out from where the file lies, so that an installed tree can be moved.
string(REGEX REPLACE "[^/]+" ".." TRANSLOAD_PC_UP ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
configure_file(cmake/transload.pc.in ${PROJECT_BINARY_DIR}/transload.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/transload.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
