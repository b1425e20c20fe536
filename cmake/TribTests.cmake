# SPDX-License-Identifier: Apache-2.0
# How a test program, script or fuzz target becomes CTest tests.

set(TRIB_DEADLINE_unit 20)
set(TRIB_DEADLINE_conformance 60)
set(TRIB_DEADLINE_hazard 60)
set(TRIB_DEADLINE_stress 120)
set(TRIB_DEADLINE_trace 120)
set(TRIB_DEADLINE_nightly 3600)
set(TRIB_DEADLINE_fault 120)
set(TRIB_DEADLINE_cli 180)
set(TRIB_DEADLINE_fuzz 60)
set(TRIB_DEADLINE_check 300)
set(TRIB_DEADLINE_canary 60)

# What `make test` runs in this build; the sanitizer builds leave out what they cannot judge.
set(TRIB_GATE_LABELS unit conformance hazard stress fault cli fuzz check trace canary)
set(TRIB_TEST_PREFIX "")
set(TRIB_DEADLINE_FACTOR 1)
set(TRIB_LAUNCHER "")
if(TRIB_SANITIZE)
    set(TRIB_DEADLINE_FACTOR 4)
endif()
if(TRIB_SANITIZE MATCHES "address")
    set(TRIB_TEST_PREFIX "asan.")
    set(TRIB_GATE_LABELS unit conformance hazard stress fault fuzz trace canary)
elseif(TRIB_SANITIZE MATCHES "thread")
    set(TRIB_TEST_PREFIX "tsan.")
    set(TRIB_GATE_LABELS unit conformance hazard stress trace canary)
    # Older thread sanitizers do not start where addresses are randomised in many bits.
    execute_process(COMMAND setarch -R true RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(failed EQUAL 0)
        set(TRIB_LAUNCHER setarch -R)
    endif()
endif()

# The leak checker of gcc 12 takes thread-local data of an opened library for that of an old glibc
# where its address ends in 010 (hexadecimal), and crashes; the blocks are found without asking it.
set(TRIB_TEST_ENVIRONMENT
    "TRIB_SOURCE_DIR=${CMAKE_SOURCE_DIR}"
    "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1:intercept_tls_get_addr=0"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1")

# What every test of a label has, in the variables deadline, labels and processors.
macro(trib_test_properties label)
    math(EXPR deadline "${TRIB_DEADLINE_${label}} * ${TRIB_DEADLINE_FACTOR}")
    set(labels ${label})
    if("${label}" IN_LIST TRIB_GATE_LABELS)
        list(APPEND labels gate)
    endif()
    set(processors 1)
    if("${label}" STREQUAL "stress")
        set(processors 2)
    endif()
endmacro()

function(trib_label_test name label)
    trib_test_properties(${label})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${deadline} PROCESSORS ${processors}
        LABELS "${labels}" ENVIRONMENT "${TRIB_TEST_ENVIRONMENT}")
endfunction()

function(trib_test_compile target)
    trib_internal(${target})
    trib_link_flags(${target})
    target_compile_definitions(${target} PRIVATE TRIB_CHECKED=1)
    target_include_directories(${target} PRIVATE
        ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/tests/support)
    target_link_libraries(${target} PRIVATE PkgConfig::cmocka)
endfunction()

function(trib_test_support target)
    if(ARGN)
        add_library(${target} OBJECT ${ARGN})
        trib_test_compile(${target})
    endif()
endfunction()

function(trib_test_link target label)
    trib_test_compile(${target})
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/${label})
    foreach(support trib-test-support trib-test-support-${label})
        if(TARGET ${support})
            target_link_libraries(${target} PRIVATE ${support})
        endif()
    endforeach()
    target_link_libraries(${target} PRIVATE tributary_tools tributary_checked)
endfunction()

# One program; after each build of it, its cases are listed and become tests.
function(trib_test_program label source)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    trib_test_link(${name} ${label})
    set(listed ${CMAKE_CURRENT_BINARY_DIR}/${name}.cases.cmake)
    set(include ${CMAKE_CURRENT_BINARY_DIR}/${name}.include.cmake)
    trib_test_properties(${label})
    list(JOIN TRIB_LAUNCHER " " launcher)
    file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.template.cmake @ONLY CONTENT
[[add_test("@TRIB_TEST_PREFIX@@name@.%CASE%" @launcher@ "%PROGRAM%" "%CASE%")
set_tests_properties("@TRIB_TEST_PREFIX@@name@.%CASE%" PROPERTIES
    TIMEOUT @deadline@ PROCESSORS @processors@
    LABELS "@labels@" ENVIRONMENT "@TRIB_TEST_ENVIRONMENT@")
]])
    add_custom_command(TARGET ${name} POST_BUILD
        BYPRODUCTS ${listed}
        COMMAND ${CMAKE_COMMAND}
            -D PROGRAM=$<TARGET_FILE:${name}> "-D LAUNCHER=${launcher}"
            -D TEMPLATE=${CMAKE_CURRENT_BINARY_DIR}/${name}.template.cmake
            -D OUTPUT=${listed} -P ${CMAKE_SOURCE_DIR}/cmake/ListCases.cmake
        VERBATIM)
    file(CONFIGURE OUTPUT ${include} @ONLY CONTENT
[[if(EXISTS "@listed@")
    include("@listed@")
else()
    add_test("@TRIB_TEST_PREFIX@@name@.NOT_BUILT" "@name@.NOT_BUILT")
    set_tests_properties("@TRIB_TEST_PREFIX@@name@.NOT_BUILT" PROPERTIES LABELS "@label@;gate")
endif()
]])
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${include})
endfunction()

# A script, run with its arguments; python3 or sh by its name.
function(trib_test_script label script)
    get_filename_component(name ${script} NAME_WE)
    if(script MATCHES "\\.py$")
        set(interpreter ${Python3_EXECUTABLE} -B)
    else()
        set(interpreter sh)
    endif()
    set(test ${TRIB_TEST_PREFIX}${label}.${name})
    add_test(NAME ${test} COMMAND ${interpreter} ${script} ${ARGN})
    trib_label_test(${test} ${label})
    # For what the machine lacks (a terminal): the script says what, and CTest counts it as skipped.
    set_tests_properties(${test} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

# fuzz_NAME.c with LLVMFuzzerTestOneInput replays tests/fuzz/corpus/NAME in every build; the
# fuzz preset makes it a libFuzzer program that also searches.
function(trib_test_fuzzer source)
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" corpus ${name})
    add_executable(${name} ${source})
    trib_test_link(${name} fuzz)
    if(TRIB_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c)
    endif()
    set(test ${TRIB_TEST_PREFIX}${name}.corpus)
    set(replay "")
    if(TRIB_FUZZ)
        set(replay -runs=0)
    endif()
    add_test(NAME ${test} COMMAND ${TRIB_LAUNCHER} $<TARGET_FILE:${name}> ${replay}
        ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${corpus})
    trib_label_test(${test} fuzz)
endfunction()
