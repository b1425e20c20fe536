/* SPDX-License-Identifier: Apache-2.0 */
/* build_id.h: which build this is: a digest of compiler, flags and options, made by
 * cmake/TribCompiler.cmake, and whether the library's own checks are compiled in. Whoever includes
 * this gets the text of its own build; trib__build_text gives the library's. A test program whose
 * two texts differ is linked with a library that it was not built with. */
#ifndef TRIB_BASE_BUILD_ID_H
#define TRIB_BASE_BUILD_ID_H

#ifndef TRIB__BUILD_ID
#define TRIB__BUILD_ID "unnamed"
#endif

#if defined(TRIB_CHECKED)
#define TRIB__BUILD_TEXT TRIB__BUILD_ID " checked"
#else
#define TRIB__BUILD_TEXT TRIB__BUILD_ID " unchecked"
#endif

const char *trib__build_text(void);

#endif
