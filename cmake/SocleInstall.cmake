# What `cmake --install` lays down. The shared library is the package's default; the static one is a component of its own, since
# only its users need the libraries under it.
include(CMakePackageConfigHelpers)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/socle")

install(DIRECTORY include/socle DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS socle_shared EXPORT socleTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS socle_static EXPORT socleStaticTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT socleTargets NAMESPACE socle:: DESTINATION ${package_folder})
install(EXPORT socleStaticTargets NAMESPACE socle:: DESTINATION ${package_folder})

configure_package_config_file(cmake/socleConfig.cmake.in "${PROJECT_BINARY_DIR}/socleConfig.cmake"
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/socleConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/socleConfig.cmake" "${PROJECT_BINARY_DIR}/socleConfigVersion.cmake"
        DESTINATION ${package_folder})

list(TRANSFORM socle_dependency_libraries PREPEND "-l" OUTPUT_VARIABLE private_libraries)
list(JOIN private_libraries " " socle_private_libraries)
# Relative to the file itself: the tree may be installed anywhere, with --prefix, and moved.
file(RELATIVE_PATH pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
cmake_path(APPEND pc_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
configure_file(cmake/socle.pc.in "${PROJECT_BINARY_DIR}/socle.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/socle.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(EXISTS "${PROJECT_SOURCE_DIR}/docs/socle.1")
    install(FILES docs/socle.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
if(EXISTS "${PROJECT_SOURCE_DIR}/LICENSE")
    install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
