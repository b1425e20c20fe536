/* SPDX-License-Identifier: Apache-2.0 */
/* view.h: views for the request path. */
#ifndef TRIB_TENSOR_VIEW_H
#define TRIB_TENSOR_VIEW_H

#include <tributary/tensor.h>

/* trib_tensor_from, written in place: returning a view by value costs a copy that stalls on the
 * stores just made (about 40 ns), which a request with user-defined operators would pay for each
 * operand. */
void trib__tensor_view(trib_tensor *tensor, trib_dtype dtype, void *data, int rank,
                       const int64_t *shape);

#endif
