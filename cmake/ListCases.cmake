# SPDX-License-Identifier: Apache-2.0
# Runs PROGRAM --list and writes to OUTPUT the TEMPLATE once for each case.
separate_arguments(launcher UNIX_COMMAND "${LAUNCHER}")
file(REMOVE ${OUTPUT})
execute_process(COMMAND ${launcher} ${PROGRAM} --list
    OUTPUT_VARIABLE listed RESULT_VARIABLE failed TIMEOUT 60)
if(NOT failed EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} --list failed: ${failed}")
endif()
string(REGEX MATCHALL "[A-Za-z0-9_]+" cases "${listed}")
file(READ ${TEMPLATE} template)
string(REPLACE "%PROGRAM%" "${PROGRAM}" template "${template}")
set(text "")
foreach(case ${cases})
    string(REPLACE "%CASE%" "${case}" test "${template}")
    string(APPEND text "${test}")
endforeach()
file(WRITE ${OUTPUT} "${text}")
