# SPDX-License-Identifier: Apache-2.0
# What is installed: headers, libraries, the command, its man page, pkg-config and CMake packages.
include(CMakePackageConfigHelpers)

install(TARGETS tributary tributary_static EXPORT tributaryTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET tributary-command)
    set_target_properties(tributary-command PROPERTIES
        INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
    install(TARGETS tributary-command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY include/tributary DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/docs/tributary.1)
    install(FILES docs/tributary.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

# The .pc file finds its prefix from its own place, so an installed tree can be moved.
file(RELATIVE_PATH pc_to_prefix
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/tributary.pc.in tributary.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tributary.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/tributary)
configure_package_config_file(cmake/tributaryConfig.cmake.in tributaryConfig.cmake
    INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(tributaryConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tributaryConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/tributaryConfigVersion.cmake DESTINATION ${package_folder})
install(EXPORT tributaryTargets NAMESPACE tributary:: DESTINATION ${package_folder})
