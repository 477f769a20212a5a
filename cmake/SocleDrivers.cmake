# Finds the OpenCL drivers that the device suites run on. Sets socle_drivers (names) and socle_driver_<name> (environment).
# Each driver gets a folder with its .icd alone, so that a test sees one driver and no other.

function(socle_add_driver name icd_text)
    set(folder "${PROJECT_BINARY_DIR}/drivers/${name}")
    file(WRITE "${folder}/${name}.icd" "${icd_text}\n")
    set(socle_drivers ${socle_drivers} ${name} PARENT_SCOPE)
    set(socle_driver_${name} "OCL_ICD_VENDORS=${folder}" ${ARGN} PARENT_SCOPE)
endfunction()

macro(socle_find_drivers)
    set(socle_drivers "")
    set(system_vendors /etc/OpenCL/vendors)
    # Builds share the drivers' own caches: most of a suite's time is the compiling of its kernels.
    set(pocl_cache "POCL_CACHE_DIR=${PROJECT_SOURCE_DIR}/.cache/pocl")
    if(EXISTS ${system_vendors}/pocl.icd)
        file(STRINGS ${system_vendors}/pocl.icd icd LIMIT_COUNT 1)
        socle_add_driver(pocl "${icd}" POCL_DEVICES=pthread "${pocl_cache}")
        socle_add_driver(pocl-basic "${icd}" POCL_DEVICES=basic "${pocl_cache}")
        # Two equal parts of a device, on machines with two processors or more.
        cmake_host_system_information(RESULT processors QUERY NUMBER_OF_LOGICAL_CORES)
        if(processors GREATER 1)
            socle_add_driver(pocl-parts "${icd}" POCL_DEVICES=pthread "${pocl_cache}"
                "SOCLE_DEVICES=pocl/pthread-0/2:0,pocl/pthread-0/2:1")
        endif()
    endif()
    if(EXISTS ${system_vendors}/rusticl.icd)
        file(STRINGS ${system_vendors}/rusticl.icd icd LIMIT_COUNT 1)
        socle_add_driver(rusticl "${icd}" RUSTICL_ENABLE=llvmpipe "MESA_SHADER_CACHE_DIR=${PROJECT_SOURCE_DIR}/.cache/mesa")
    endif()
    find_library(OCLGRIND_LIBRARY oclgrind-rt-icd PATH_SUFFIXES oclgrind)
    if(OCLGRIND_LIBRARY)
        socle_add_driver(oclgrind "${OCLGRIND_LIBRARY}" OCLGRIND_DATA_RACES=1)
    endif()
    # What tools/setup-tests installed: a folder per driver with its .icd, and a file `env` of NAME=VALUE lines.
    file(GLOB driver_environments CONFIGURE_DEPENDS "${SOCLE_TEST_DRIVERS}/*/env")
    foreach(file IN LISTS driver_environments)
        cmake_path(GET file PARENT_PATH folder)
        cmake_path(GET folder FILENAME name)
        file(STRINGS "${file}" lines)
        list(APPEND socle_drivers ${name})
        set(socle_driver_${name} "OCL_ICD_VENDORS=${folder}" ${lines})
    endforeach()
endmacro()
