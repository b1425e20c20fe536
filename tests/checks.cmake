# SPDX-License-Identifier: Apache-2.0
# The machine checks of tools/: each is a test, and so is the proof that it can fail.
set(tools ${CMAKE_SOURCE_DIR}/tools)

# trib_check(NAME SCRIPT ARGUMENT...): test check.NAME; 77 means that it could not be tried here.
function(trib_check name script)
    set(test ${TRIB_TEST_PREFIX}check.${name})
    add_test(NAME ${test} COMMAND ${Python3_EXECUTABLE} -B ${tools}/${script} ${ARGN})
    trib_label_test(${test} check)
    set_tests_properties(${test} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

function(trib_check_itself name)
    trib_check(${name}.itself check_${name}.py --self-test)
endfunction()

foreach(name layers sizes headers no_death atomics sites dead_text paths docs hazards)
    trib_check(${name} check_${name}.py ${CMAKE_SOURCE_DIR})
    trib_check_itself(${name})
endforeach()

trib_check(clang check_clang.py ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
trib_check_itself(clang)

foreach(name symbols library docs_compile)
    trib_check_itself(${name})
endforeach()
trib_check(symbols check_symbols.py $<TARGET_FILE:tributary> ${tools}/symbols.txt)
trib_check(docs_compile check_docs_compile.py ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
if(CMAKE_BUILD_TYPE MATCHES "Rel" AND NOT TRIB_SANITIZE)
    trib_check(library check_library.py $<TARGET_FILE:tributary>)
endif()

set(test ${TRIB_TEST_PREFIX}install)
add_test(NAME ${test} COMMAND sh ${CMAKE_SOURCE_DIR}/tests/install/test_install.sh
    ${CMAKE_COMMAND} ${CMAKE_BINARY_DIR})
trib_label_test(${test} check)
