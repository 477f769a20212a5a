# tests/<kind>/<file>.c becomes the executable test_<kind>_<file>. A kind that needs a driver is registered once per driver found,
# as <kind>/<file>@<driver>, labelled with the kind and the driver:  ctest -L rusticl,  ctest -L conformance.
pkg_check_modules(CRITERION criterion)
if(NOT CRITERION_FOUND)
    message(STATUS "Criterion is not installed: no tests (tools/setup-tests installs it)")
    return()
endif()
include(SocleDrivers)
socle_find_drivers()
message(STATUS "OpenCL drivers for tests: ${socle_drivers}")

file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.c)
if(support_sources)
    add_library(socle_test_support STATIC ${support_sources})
    target_include_directories(socle_test_support PUBLIC tests/support PRIVATE lib ${CRITERION_INCLUDE_DIRS})
    target_compile_definitions(socle_test_support PRIVATE CL_TARGET_OPENCL_VERSION=300)
    target_link_libraries(socle_test_support PUBLIC socle_static)
endif()

# Layers for the OpenCL loader (OPENCL_LAYERS): tests/layers/<name>.c, next to the tests' executables.
file(GLOB layer_sources CONFIGURE_DEPENDS tests/layers/*.c)
foreach(source IN LISTS layer_sources)
    cmake_path(GET source STEM name)
    add_library(test_layer_${name} MODULE ${source})
    target_compile_definitions(test_layer_${name} PRIVATE CL_TARGET_OPENCL_VERSION=300)
    target_compile_options(test_layer_${name} PRIVATE -fvisibility=default)
    target_link_libraries(test_layer_${name} PRIVATE pthread)
endforeach()

set(socle_test_environment
    "SOCLE_CACHE_DIR=${PROJECT_BINARY_DIR}/test-cache"
    "SOCLE_TEST_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "SOCLE_TEST_BINARY_DIR=${PROJECT_BINARY_DIR}"
    "SOCLE_TEST_PYTHON=${SOCLE_TEST_PYTHON}"
    # Drivers keep memory of their own until the process ends, and some load without the sanitizers' knowledge.
    "ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1"
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/leaks.supp:print_suppressions=0"
    "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/races.supp"
    "UBSAN_OPTIONS=print_stacktrace=1")
# Where drivers' threads are, LeakSanitizer itself crashes now and then (GCC 12: "Tracer caught signal 11"). The tests count the
# library's allocations and OpenCL objects themselves.
set(socle_no_leak_check "ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1")
if(SOCLE_SANITIZE)
    list(APPEND socle_test_environment "SOCLE_TEST_FEW=1") # calls that are made to fail, of many
endif()

# Operator suites that take minutes on a driver and say nothing there that the same kernels do not say elsewhere: PoCL compiles the same
# code for all of its devices, and llvmpipe takes seconds for a kernel. They are labelled long: tools/check leaves them out, tools/check all
# runs them.
set(socle_long_tests "^conformance/.*@pocl-basic$|^conformance/(conv|conv_backward|gemm|pool)@pocl-parts$|^conformance/codegen_(elementwise|movement)@rusticl$")

# One job: ctest runs several tests side by side, and times that are measured should not be disturbed from within.
function(socle_register kind name driver)
    set(test "${kind}/${name}")
    set(labels "${kind}")
    set(environment ${socle_test_environment})
    if(driver)
        string(APPEND test "@${driver}")
        list(APPEND labels "${driver}")
        if(test MATCHES "${socle_long_tests}")
            list(APPEND labels long)
        endif()
        list(APPEND environment ${socle_driver_${driver}} "${socle_no_leak_check}")
    endif()
    add_test(NAME "${test}" COMMAND test_${kind}_${name} --jobs=1)
    set_tests_properties("${test}" PROPERTIES LABELS "${labels}" ENVIRONMENT "${environment}" TIMEOUT 900)
    if(driver STREQUAL "oclgrind")
        # It reports what a kernel does wrong on stderr and lets it go on.
        set_tests_properties("${test}" PROPERTIES
            FAIL_REGULAR_EXPRESSION "data race at;Invalid (read|write) of size;divergen(t|ce);Uninitialized value")
    endif()
endfunction()

file(GLOB test_sources CONFIGURE_DEPENDS tests/unit/*.c tests/devices/*.c tests/conformance/*.c tests/kernels/*.c tests/faults/*.c)
foreach(source IN LISTS test_sources)
    cmake_path(GET source STEM name)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET folder FILENAME kind)
    set(target test_${kind}_${name})
    add_executable(${target} ${source})
    target_include_directories(${target} PRIVATE lib tests/support ${CRITERION_INCLUDE_DIRS})
    target_compile_definitions(${target} PRIVATE CL_TARGET_OPENCL_VERSION=300)
    if(TARGET socle_test_support)
        target_link_libraries(${target} PRIVATE socle_test_support)
    endif()
    target_link_libraries(${target} PRIVATE socle_static ${CRITERION_LINK_LIBRARIES})
    set(drivers "")
    if(name STREQUAL "goals") # compares PoCL's two devices, undisturbed by other tests
        set(drivers pocl)
    elseif(kind STREQUAL "devices" OR kind STREQUAL "conformance")
        set(drivers ${socle_drivers})
        list(REMOVE_ITEM drivers oclgrind)
    elseif(kind STREQUAL "kernels")
        set(drivers ${socle_drivers})
        list(FILTER drivers INCLUDE REGEX "^(pocl|oclgrind)$")
    elseif(kind STREQUAL "faults")
        set(drivers ${socle_drivers})
        list(FILTER drivers INCLUDE REGEX "^pocl$")
    endif()
    if(drivers)
        foreach(driver IN LISTS drivers)
            socle_register(${kind} ${name} ${driver})
        endforeach()
    else()
        socle_register(${kind} ${name} "")
    endif()
endforeach()

if("pocl" IN_LIST socle_drivers)
    set_tests_properties("devices/goals@pocl" PROPERTIES RUN_SERIAL ON)
endif()

# Tests of the tree, of what is installed, of the command and of the examples are scripts: tests/<kind>/<name>.sh, run with the
# variables above and SOCLE_TEST_* below. Exit status 77: something that the test needs is not installed.
file(GLOB script_sources CONFIGURE_DEPENDS tests/house/*.sh tests/install/*.sh tests/command/*.sh tests/examples/*.sh
     tests/interoperability/*.sh)
foreach(source IN LISTS script_sources)
    cmake_path(GET source STEM name)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET folder FILENAME kind)
    add_test(NAME "${kind}/${name}" COMMAND "${source}")
    set_tests_properties("${kind}/${name}" PROPERTIES LABELS "${kind}" SKIP_RETURN_CODE 77 TIMEOUT 300
        ENVIRONMENT "${socle_test_environment};${socle_driver_pocl};${socle_no_leak_check};CC=${CMAKE_C_COMPILER};SOCLE_SANITIZE=${SOCLE_SANITIZE};SOCLE_CMAKE=${CMAKE_COMMAND}")
endforeach()
