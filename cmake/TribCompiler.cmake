# SPDX-License-Identifier: Apache-2.0
# How everything is compiled: language, warnings, hardening, sanitizers. One function a concern.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
# Internal checks are ruled by TRIB_CHECKED alone.
foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()

set(TRIB_WARNINGS
    -Wall -Wextra -Wundef -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Walloca)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    list(APPEND TRIB_WARNINGS -Wthread-safety)
endif()
if(TRIB_WERROR)
    list(APPEND TRIB_WARNINGS -Werror)
endif()

set(optimised $<CONFIG:Release,RelWithDebInfo,MinSizeRel>)
set(TRIB_HARDENING -fstack-protector-strong)
if(NOT TRIB_SANITIZE)
    list(APPEND TRIB_HARDENING
        $<${optimised}:-U_FORTIFY_SOURCE> $<${optimised}:-D_FORTIFY_SOURCE=2>)
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
set(TRIB_SYSTEM_LIBRARIES Threads::Threads ${CMAKE_DL_LIBS} m)

# nodelete: threads that used the library may end after dlclose. Bsymbolic-functions: the
# library's calls of its own functions cannot be redirected.
set(TRIB_LIBRARY_LINK_OPTIONS -Wl,-z,nodelete -Wl,-Bsymbolic-functions
    -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.map)
if(NOT TRIB_SANITIZE)
    list(APPEND TRIB_LIBRARY_LINK_OPTIONS -Wl,--no-undefined)
endif()

if(TRIB_SANITIZE)
    add_compile_options(-fsanitize=${TRIB_SANITIZE} -fno-sanitize-recover=all
                        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${TRIB_SANITIZE})
endif()
if(TRIB_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
if(TRIB_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# What tells one build from another: base/build_id.h.
string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
get_directory_property(options COMPILE_OPTIONS)
string(MD5 TRIB_BUILD_ID "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION} ${CMAKE_SYSTEM_PROCESSOR}
    ${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}} ${options}")

function(trib_warnings target)
    target_compile_options(${target} PRIVATE ${TRIB_WARNINGS} ${TRIB_HARDENING})
endfunction()

# A target of ours that may see internal headers.
function(trib_internal target)
    trib_warnings(${target})
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE TRIB__BUILD_ID="${TRIB_BUILD_ID}")
    if(TRIB_CHECKED)
        target_compile_definitions(${target} PRIVATE TRIB_CHECKED=1)
    endif()
    if(TRIB_TRACE)
        target_compile_definitions(${target} PRIVATE TRIB_TRACE=1)
    endif()
    target_compile_options(${target} PRIVATE
        -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=
        # The library has about 200 bytes of thread-local data, which fit the room that the loader
        # keeps for libraries opened later; a request saves about 30 ns (docs/performance.md).
        -ftls-model=initial-exec
        $<$<C_COMPILER_ID:GNU>:-fno-semantic-interposition>)
    target_include_directories(${target} PRIVATE
        ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
endfunction()

function(trib_link_flags target)
    target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now)
endfunction()
