# kernels/**/*.cl become one generated C file (lib/program/program.h says what it defines). Depends on every kernel, so a change
# of one rebuilds it.
function(socle_embed_kernels output)
    file(GLOB_RECURSE kernels CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/kernels/*.cl" "${PROJECT_SOURCE_DIR}/kernels/*.h")
    add_custom_command(
        OUTPUT "${output}"
        COMMAND "${CMAKE_COMMAND}" "-DKERNELS=${PROJECT_SOURCE_DIR}/kernels" "-DOUTPUT=${output}"
                -P "${PROJECT_SOURCE_DIR}/cmake/embed_kernels.cmake"
        DEPENDS ${kernels} "${PROJECT_SOURCE_DIR}/cmake/embed_kernels.cmake"
        COMMENT "Embedding kernels"
        VERBATIM)
endfunction()
