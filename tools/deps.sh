#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh GROUP...: installs the Debian or Ubuntu packages that the groups build, test and bench
# need and that are missing; silent when there are none. Other systems are told what to install.
#
# A line of a group is: what-is-needed  package  reason. "cmd:NAME" is there when the command is;
# "pkg:NAME" when the package is. A "?" before it marks what we can go without.
set -eu

group_build() {
        cat <<'LIST'
cmd:cmake         cmake             configures the build
cmd:ninja         ninja-build       runs the build
cmd:pkg-config    pkg-config        finds libraries
cmd:gcc           gcc               compiles C
file:stdio.h      libc6-dev         headers of the C library
pkg:libjansson-dev libjansson-dev   reads and writes JSON
?onednn           onednn            kernels of the CPU device, opened at run time
?pkg:libgomp1     libgomp1          threads of oneDNN
?pkg:liblapacke   liblapacke        LU factorisation of the CPU device, opened at run time
?pkg:libopenblas0-pthread libopenblas0-pthread fast arithmetic for it; several threads may call it
LIST
}

group_test() {
        cat <<'LIST'
cmd:g++           g++               checks that the headers are C++ as well
pkg:libcmocka-dev libcmocka-dev     runs the unit tests
cmd:ctags         universal-ctags   measures functions and files
cmd:python3       python3           runs the machine checks
cmd:clang         clang             second compiler: warnings and lock analysis
?cmd:gnuplot      gnuplot-nox       draws the plots of the report's page
LIST
}

# Not asked for by any target: 187 MB more to download. With it the report's page is tested.
group_browser() {
        cat <<'LIST'
cmd:chromium      chromium          shows the report's page to its test
LIST
}

group_bench() {
        cat <<'LIST'
cmd:python3       python3            runs the comparison
pkg:libdnnl-dev   libdnnl-dev        peer: oneDNN called directly
pkg:libopenblas-dev libopenblas-dev  peer: OpenBLAS
?pkg:libonnxruntime-dev libonnxruntime-dev peer: ONNX Runtime
cmd:valgrind      valgrind           counts instructions per request
?pkg:libmimalloc-dev libmimalloc-dev peer of the allocator: mimalloc
?cmd:strace       strace             shows who sleeps on a lock in the steady state
LIST
}

group_verify() {
        cat <<'LIST'
cmd:spin          spin              searches the models' states
cmd:gcc           gcc               compiles the searches
file:stdio.h      libc6-dev         headers of the C library
cmd:python3       python3           runs the searches
LIST
}

# Debian names the oneDNN library after its version: libdnnl2, libdnnl3, libdnnl3.6.
is_there() {
        case $1 in
        cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
        file:*) [ -e "/usr/include/${1#file:}" ] ;;
        pkg:*) dpkg-query -W -f '${db:Status-Abbrev}' "${1#pkg:}" 2>/dev/null | grep -q '^ii' ;;
        onednn) dpkg-query -W -f '${db:Status-Abbrev}\n' 'libdnnl[0-9]*' 2>/dev/null |
                grep -q '^ii' ;;
        esac
}

# The package that apt would install for a name; nothing when the release has none.
candidate() {
        if [ "$1" = onednn ]; then
                apt-cache search --names-only '^libdnnl[0-9][0-9.]*$' | cut -d ' ' -f 1 |
                        sort -V | tail -n 1
        elif apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; then
                echo "$1"
        fi
}

as_root() {
        if [ "$(id -u)" -eq 0 ]; then
                env DEBIAN_FRONTEND=noninteractive "$@"
        else
                sudo env DEBIAN_FRONTEND=noninteractive "$@"
        fi
}

# Splits the missing lines into what apt can install (packages, reasons) and cannot (absent).
resolve() {
        packages='' absent='' reasons=''
        while read -r test package reason; do
                [ -n "$test" ] || continue
                found=$(candidate "$package")
                if [ -n "$found" ]; then
                        packages="$packages $found"
                        reasons="$reasons  $found: $reason
"
                elif [ "${test#\?}" = "$test" ]; then
                        absent="$absent $package"
                fi
        done <<LIST
$missing
LIST
}

missing=''
for group in "$@"; do
        while read -r test package reason; do
                is_there "${test#\?}" || missing="$missing$test $package $reason
"
        done <<LIST
$("group_$group")
LIST
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
        echo "These are missing; please install them with this system's package manager:"
        printf '%s' "$missing" | while read -r test package reason; do
                echo "  $package: $reason"
        done
        printf '%s' "$missing" | grep -qv '^?' && exit 1
        exit 0
fi

resolve
if [ -z "$packages$absent" ] && ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
        exit 0 # only what this release does not have and we can go without
fi
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
        echo "Missing:$packages$absent. Install them as root, or install sudo, and try again." >&2
        exit 1
fi
is_updated=0
if [ -n "$absent" ] || [ -z "$packages" ]; then
        echo "Reading the package lists (apt-get update)"
        as_root apt-get update -qq
        is_updated=1
        resolve
fi
if [ -n "$absent" ]; then
        echo "This release has no package:$absent. Install it by hand and try again." >&2
        exit 1
fi
[ -n "$packages" ] || exit 0

echo "Installing what is missing (apt-get install --no-install-recommends):"
printf '%s' "$reasons"
install() {
        # shellcheck disable=SC2086
        as_root apt-get install -qq -y --no-install-recommends $packages >"$log" 2>&1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install; then
        # Package lists that are out of date name files that are gone.
        if [ "$is_updated" -eq 1 ] || ! as_root apt-get update -qq || ! install; then
                cat "$log" >&2
                exit 1
        fi
fi
