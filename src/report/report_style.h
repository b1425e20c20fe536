/* SPDX-License-Identifier: Apache-2.0 */
/* report_style.h: how the page looks. */
#ifndef TRIB_REPORT_REPORT_STYLE_H
#define TRIB_REPORT_REPORT_STYLE_H

extern const char trib__html_style[];
extern const char trib__html_style_hash[]; /* as a Content-Security-Policy names it */

#endif
