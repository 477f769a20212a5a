# What the library needs. Plain library names, not imported targets: so the installed package asks nothing of a host that links
# the shared library, and the .pc file can name them.
find_package(OpenCL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(XXHASH REQUIRED libxxhash)
pkg_check_modules(JANSSON REQUIRED jansson)

set(socle_dependency_includes
    ${OpenCL_INCLUDE_DIRS} ${SQLite3_INCLUDE_DIRS} ${ZLIB_INCLUDE_DIRS} ${XXHASH_INCLUDE_DIRS} ${JANSSON_INCLUDE_DIRS})
set(socle_dependency_libraries OpenCL sqlite3 xxhash z jansson)

set(SOCLE_HAVE_CLBLAST OFF)
if(SOCLE_CLBLAST)
    # Its header alone: the library is loaded when it is first asked for.
    find_path(CLBLAST_INCLUDE_DIR clblast_c.h)
    if(CLBLAST_INCLUDE_DIR)
        set(SOCLE_HAVE_CLBLAST ON)
    endif()
endif()
message(STATUS "CLBlast as a solver: ${SOCLE_HAVE_CLBLAST}")

list(APPEND socle_dependency_libraries ${CMAKE_DL_LIBS} m pthread)
