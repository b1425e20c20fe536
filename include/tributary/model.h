/* SPDX-License-Identifier: Apache-2.0 */
/* model.h: building a model from operators.
 *
 * A builder collects values and operators; every call gives a value, a small number. The first
 * mistake is kept and reported by trib_model_build, so that no call in between needs a check:
 *
 *     trib_model_builder *b;
 *     trib_model_builder_create(&b, &err);
 *     trib_value x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, 64 });
 *     trib_value w = trib_model_constant(b, &weights);
 *     trib_value y = trib_model_linear(b, x, w, TRIB_NO_VALUE);
 *     trib_model_output(b, "y", trib_model_relu(b, y));
 *     trib_model_build(b, device, &model, &err);
 *     trib_model_builder_destroy(b);
 *
 * Element-wise operators, softmax and layer norm take f32, f64, f16 and bf16; add, mul and relu
 * also i8, u8, i32 and i64 (wrapping); all operands of an operator have one dtype. */
#ifndef TRIBUTARY_MODEL_H
#define TRIBUTARY_MODEL_H

#include <tributary/device.h>
#include <tributary/operator.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trib_model_builder trib_model_builder;
typedef struct trib_model         trib_model;

typedef int32_t trib_value; /* of one builder; < 0 is none */
#define TRIB_NO_VALUE ((trib_value)-1)
#define TRIB_ANY ((int64_t)-1) /* a dimension that each request chooses, 1 or more */

typedef enum trib_gelu_kind {
        TRIB_GELU_ERF = 0, /* x/2 (1 + erf(x / sqrt 2))                                     */
        TRIB_GELU_TANH = 1 /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))                 */
} trib_gelu_kind;

/* What: starts a builder.
 * Ownership: *out is the caller's, until trib_model_builder_destroy.
 * Threads: any; one builder is used by one thread at a time, as in all calls below.
 * Blocks: no.   Errors: TRIB_OUT_OF_MEMORY, TRIB_INVALID_ARGUMENT; *out is then NULL.
 * Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_model_builder_create(trib_model_builder **out,
                                                             trib_error *err);

/* What: ends a builder; models built from it live on. NULL is fine.
 * Ownership: ends the caller's.   Threads: one.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API void trib_model_builder_destroy(trib_model_builder *builder);

/* What: an input; requests pass theirs in the order of these calls. A dimension may be TRIB_ANY.
 * Ownership: name and shape are copied.   Threads: one.   Blocks: no.
 * Errors: kept for trib_model_build; the value is then TRIB_NO_VALUE.   Since: 0.1 */
TRIB_API trib_value trib_model_input(trib_model_builder *builder, const char *name,
                                     trib_dtype dtype, int rank, const int64_t *shape);

/* What: a constant, such as weights; any strides.
 * Ownership: the elements are copied.   Threads: one.   Blocks: no.
 * Errors: kept for trib_model_build.   Since: 0.1 */
TRIB_API trib_value trib_model_constant(trib_model_builder *builder, const trib_tensor *tensor);

/* What: y[..., n] = sum over k of x[..., k] w[n, k], + b[n] unless b is TRIB_NO_VALUE.
 * x is [..., in_features], w a constant [out_features, in_features], b a constant
 * [out_features]; f32, f64, f16 or bf16.
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_linear(trib_model_builder *builder, trib_value x, trib_value w,
                                      trib_value b);

/* What: the matrix product of the last two dimensions, a [..., m, k] by b [..., k, n]; the
 * dimensions before are equal, or 1 in one of the two, which is then repeated.
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_matmul(trib_model_builder *builder, trib_value a, trib_value b);

/* What: a + b, element by element; shapes are aligned at their ends and dimensions of 1 repeated.
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_add(trib_model_builder *builder, trib_value a, trib_value b);

/* What: a * b, element by element; shapes as in trib_model_add.
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_mul(trib_model_builder *builder, trib_value a, trib_value b);

/* What: max(x, 0). A NaN gives NaN or 0, whichever the device's kernel has; the same each time.
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_relu(trib_model_builder *builder, trib_value x);

/* What: the Gaussian error linear unit (Hendrycks and Gimpel, 2016) in one of its two forms.
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_gelu(trib_model_builder *builder, trib_value x,
                                    trib_gelu_kind kind);

/* What: the hyperbolic tangent of x.
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_tanh(trib_model_builder *builder, trib_value x);

/* What: 1 / (1 + exp(-x)).
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_sigmoid(trib_model_builder *builder, trib_value x);

/* What: exp(x - m) / sum of exp(x - m) over dimension `axis`, m the maximum over it; a negative
 * axis counts from the end.
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_softmax(trib_model_builder *builder, trib_value x, int axis);

/* What: (x - mean) / sqrt(variance + epsilon) over the last dimension (variance divided by its
 * length), times `scale`, plus `shift`: constants of that length, or TRIB_NO_VALUE for neither
 * (Ba, Kiros and Hinton, 2016).
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_layer_norm(trib_model_builder *builder, trib_value x,
                                          trib_value scale, trib_value shift, float epsilon);

/* Of trib_model_attention. */
typedef struct trib_attention_options {
        size_t  struct_size; /* TRIB_ATTENTION_OPTIONS_INIT sets it                        */
        int64_t heads;       /* that share the width equally                               */
        float   scale;       /* of q k', 0..1e30; 0: 1 / sqrt(width of a head)             */
        int32_t is_causal;   /* not 0: row i of q sees rows j <= i + rows of k - rows of q */
} trib_attention_options;

#define TRIB_ATTENTION_OPTIONS_INIT { sizeof(trib_attention_options), 1, 0.0f, 0 }

/* What: attention (Vaswani and others, 2017) of several heads: for each head, softmax over the rows
 * of k of (scale q k'), times v. q is [..., rows, heads x width], k [..., k rows, heads x width], v
 * [..., k rows, heads x v width], with equal dimensions before; the result [..., rows, heads x v
 * width]; f32, f64, f16 or bf16. options NULL: one head, not causal. Causal, q has at most as many
 * rows as k, and what a row does not see changes nothing in it, not even by a NaN.
 * Ownership: *options is copied.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_attention(trib_model_builder *builder, trib_value q, trib_value k,
                                         trib_value v, const trib_attention_options *options);

/* Of trib_model_conv2d: rows first, then columns. */
typedef struct trib_conv2d_options {
        size_t  struct_size; /* TRIB_CONV2D_OPTIONS_INIT sets it                            */
        int64_t stride[2];   /* 1 or more                                                   */
        int64_t padding[2];  /* zeros on both sides of x, 0 or more                         */
        int64_t dilation[2]; /* distance of w's elements on x, 1 or more                    */
        int64_t groups;      /* channels go in so many groups; as many as channels: depthwise */
} trib_conv2d_options;

#define TRIB_CONV2D_OPTIONS_INIT { sizeof(trib_conv2d_options), { 1, 1 }, { 0, 0 }, { 1, 1 }, 1 }

/* What: convolution, as networks have it (w is not turned round), + b unless b is TRIB_NO_VALUE. x
 * is [batch, channels, rows, columns], w a constant [out channels, channels / groups, kernel rows,
 * kernel columns], b a constant [out channels]; the result [batch, out channels, ...] with
 * (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1 rows and columns, rounded down; f32,
 * f64, f16 or bf16. options NULL: those of TRIB_CONV2D_OPTIONS_INIT.
 * Ownership: *options is copied.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_conv2d(trib_model_builder *builder, trib_value x, trib_value w,
                                      trib_value b, const trib_conv2d_options *options);

/* What: the LU factorisation with row exchanges of each matrix a [..., m, n], f32 or f64:
 * P a = l u. Gives [..., m, n]: u on and above the diagonal, l below it (its diagonal is 1). Into
 * *pivots, unless that is NULL, goes a value of i32 [..., min(m, n)]: before step j, row j was
 * exchanged with row pivots[j], counted from 0. A pivot of 0 (a singular matrix) is no error; it
 * is found on u's diagonal.
 * Ownership: nothing.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_lu(trib_model_builder *builder, trib_value a, trib_value *pivots);

/* What: y[..., r, c] = sum over k of A[r, k] x[..., k, c], for a sparse matrix A in compressed rows
 * (CSR) and x [..., columns, n]; f32, f64, f16 or bf16. A is three constants: row_pointers
 * [rows + 1], from 0 to the number of values, never falling; column_indices [values], in
 * 0 .. columns - 1, rising within each row; both i32 or both i64; and values, of x's dtype, one at
 * least. Rows may be empty.
 * Ownership: nothing.   Threads: one.   Blocks: no.
 * Errors: kept; a sparse matrix that is not as described is refused with its first wrong place.
 * Since: 0.1 */
TRIB_API trib_value trib_model_sparse_matmul(trib_model_builder *builder, trib_value row_pointers,
                                             trib_value column_indices, trib_value values,
                                             int64_t columns, trib_value x);

/* What: an operator of the caller's own, on 1..TRIB_MAX_OPERATOR_INPUTS values.
 * Ownership: *op and its name are copied; op->context must outlive every model built with it.
 * Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API trib_value trib_model_operator(trib_model_builder *builder, const trib_operator *op,
                                        const trib_value *inputs, int n_inputs);

/* What: makes a value an output; requests get theirs in the order of these calls.
 * Ownership: the name is copied.   Threads: one.   Blocks: no.   Errors: kept.   Since: 0.1 */
TRIB_API void trib_model_output(trib_model_builder *builder, const char *name, trib_value value);

/* What: checks the graph and puts its constants on the device. The builder can go on being used.
 * Ownership: *out is the caller's, until trib_model_close; it keeps the device open.
 * Threads: one.   Blocks: while the constants are copied; at most 60 s for a stream, and for each
 * 4 MiB.
 * Errors: whatever the first failing builder call met, with its name in the message;
 * TRIB_UNSUPPORTED (an operator that the device has not), TRIB_OUT_OF_MEMORY,
 * TRIB_INVALID_ARGUMENT, TRIB_TIMED_OUT, TRIB_DEVICE_ERROR, TRIB_FORKED; *out is then NULL.
 * Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_model_build(trib_model_builder *builder,
                                                    trib_device *device, trib_model **out,
                                                    trib_error *err);

/* What: gives up the caller's hold on a model; sessions keep it alive. NULL is fine.
 * Ownership: ends the caller's.   Threads: any.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API void trib_model_close(trib_model *model);

/* What: how many inputs and outputs a model has. Either pointer may be NULL.
 * Ownership: nothing.   Threads: any.   Blocks: no.
 * Errors: TRIB_INVALID_ARGUMENT.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_model_count(const trib_model *model, int *n_inputs,
                                                    int *n_outputs, trib_error *err);

#ifdef __cplusplus
}
#endif
#endif
