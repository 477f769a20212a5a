# bench/*.c: programs on the public header that bench/compare.py runs in turns with the peers' (bench/peers/).
file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.c)
foreach(source IN LISTS bench_sources)
    cmake_path(GET source STEM name)
    add_executable(bench_${name} ${source})
    target_link_libraries(bench_${name} PRIVATE socle_shared m)
endforeach()
# These look inside: plans and steps.
foreach(name resident launch)
    set_property(TARGET bench_${name} PROPERTY LINK_LIBRARIES socle_static m)
    target_include_directories(bench_${name} PRIVATE "${PROJECT_SOURCE_DIR}/lib" $<TARGET_PROPERTY:socle_objects,INCLUDE_DIRECTORIES>)
endforeach()
