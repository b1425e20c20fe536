# SPDX-License-Identifier: Apache-2.0
# Which files are compiled, and with which instruction sets.

# A file NAME_avx2.c, NAME_avx512.c ... is compiled for that instruction set, on machines that
# can have it, and left out elsewhere; the code that calls it asks the processor first.
set(TRIB_SIMD_SUFFIXES avx2 avx512 avx512bf16 amx)
set(TRIB_SIMD_avx2 -mavx2 -mfma -mf16c)
set(TRIB_SIMD_avx512 ${TRIB_SIMD_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq)
set(TRIB_SIMD_avx512bf16 ${TRIB_SIMD_avx512} -mavx512bf16)
set(TRIB_SIMD_amx ${TRIB_SIMD_avx512bf16} -mamx-tile -mamx-bf16 -mamx-int8)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    set(TRIB_IS_X86_64 ON)
else()
    set(TRIB_IS_X86_64 OFF)
endif()

# All .c files of src/<folder>/ for each folder, as *out. A folder without files is none, and a
# target without any file gets an empty one.
function(trib_collect out)
    set(patterns ${ARGN})
    list(TRANSFORM patterns REPLACE "(.+)" "${CMAKE_SOURCE_DIR}/src/\\1/*.c")
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
    if(NOT TRIB_IS_X86_64)
        foreach(suffix ${TRIB_SIMD_SUFFIXES})
            list(FILTER sources EXCLUDE REGEX "_${suffix}\\.c$")
        endforeach()
    endif()
    if(NOT sources)
        set(sources ${CMAKE_BINARY_DIR}/empty.c)
        file(CONFIGURE OUTPUT ${sources} CONTENT "typedef int trib_empty;\n")
    endif()
    set(${out} ${sources} PARENT_SCOPE)
endfunction()

function(trib_set_instruction_sets)
    if(NOT TRIB_IS_X86_64)
        return()
    endif()
    # GCC before 14 places vectors of 64 bytes on the stack of use-after-return at multiples of 32
    # (its bug 110027), and their first store faults.
    set(more "")
    if(TRIB_SANITIZE MATCHES "address" AND CMAKE_C_COMPILER_ID STREQUAL "GNU"
       AND CMAKE_C_COMPILER_VERSION VERSION_LESS 14)
        set(more --param=asan-use-after-return=0)
    endif()
    foreach(source ${ARGN})
        foreach(suffix ${TRIB_SIMD_SUFFIXES})
            if(source MATCHES "_${suffix}\\.c$")
                set_source_files_properties(${source} PROPERTIES
                    COMPILE_OPTIONS "${TRIB_SIMD_${suffix}};${more}")
            endif()
        endforeach()
    endforeach()
endfunction()
