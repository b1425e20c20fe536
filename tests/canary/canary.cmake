# SPDX-License-Identifier: Apache-2.0
# Programs with a planted fault, compiled as everything else is: a sanitizer build whose canary
# is not reported is not looking.
function(trib_canary name expected)
    add_executable(canary_${name} ${CMAKE_SOURCE_DIR}/tests/canary/canary_${name}.c)
    trib_test_link(canary_${name} canary)
    set(test ${TRIB_TEST_PREFIX}canary.${name})
    add_test(NAME ${test} COMMAND ${TRIB_LAUNCHER} $<TARGET_FILE:canary_${name}>)
    trib_label_test(${test} canary)
    set_tests_properties(${test} PROPERTIES PASS_REGULAR_EXPRESSION "${expected}")
endfunction()

if(TRIB_SANITIZE MATCHES "thread")
    trib_canary(race "ThreadSanitizer: data race")
elseif(TRIB_SANITIZE MATCHES "address")
    trib_canary(overflow "AddressSanitizer: heap-buffer-overflow")
    trib_canary(leak "LeakSanitizer: detected memory leaks")
    trib_canary(undefined "runtime error: signed integer overflow")
endif()
