/* SPDX-License-Identifier: Apache-2.0 */
/* shape_matrix.c: shapes and cost of the operators on whole matrices: LU factorisation and sparse
 * products. Pure functions. */
#include "base/error.h"
#include "model/shape_priv.h"

/* Pivots are kept as numbers of the matrix' dtype, and f32 counts exactly up to here. */
#define MAX_LU_ROWS (INT64_C(1) << 24)

bool trib__is_matrix_op(enum trib__op op)
{
        return op == TRIB__OP_LU || op == TRIB__OP_LU_FACTORS || op == TRIB__OP_LU_PIVOTS ||
               op == TRIB__OP_SPARSE_MATMUL;
}

/* ---- LU --------------------------------------------------------------------------------- */

static trib_status infer_lu(const struct trib__node *node, const struct trib__shape *a,
                            struct trib__shape *out, trib_error *err)
{
        int64_t m, n;

        if (a->dtype != TRIB_F32 && a->dtype != TRIB_F64)
                return trib__fail(err, TRIB_DTYPE_MISMATCH, "lu takes f32 and f64, not %s",
                                  trib_dtype_name(a->dtype));
        if (a->rank < 2)
                return trib__shape_refuse(node, a, "a matrix has at least two dimensions", err);
        m = a->dims[a->rank - 2];
        n = a->dims[a->rank - 1];
        if (m > MAX_LU_ROWS || n > MAX_LU_ROWS)
                return trib__shape_refuse(node, a, "a matrix has at most 2^24 rows and columns",
                                          err);
        *out = *a;
        out->dims[a->rank - 2] = n == TRIB__ANY ? TRIB__ANY : n + 1;
        out->dims[a->rank - 1] = m;
        return TRIB_OK;
}

/* From [.., n + 1, m] to [.., m, n], or to pivots [.., min(m, n)]. */
static trib_status infer_lu_part(const struct trib__node *node, const struct trib__shape *packed,
                                 struct trib__shape *out, trib_error *err)
{
        int64_t m, n;

        if ((packed->dtype != TRIB_F32 && packed->dtype != TRIB_F64) || packed->rank < 2)
                return trib__shape_refuse(node, packed, "this is not what lu gives", err);
        m = packed->dims[packed->rank - 1];
        n = packed->dims[packed->rank - 2];
        n = n == TRIB__ANY ? n : n - 1;
        if (n == 0)
                return trib__shape_refuse(node, packed, "this is not what lu gives", err);
        *out = *packed;
        if (node->op == TRIB__OP_LU_FACTORS) {
                out->dims[packed->rank - 2] = m;
                out->dims[packed->rank - 1] = n;
                return TRIB_OK;
        }
        out->dtype = TRIB_I32;
        out->rank--;
        out->dims[out->rank - 1] = m == TRIB__ANY || n == TRIB__ANY ? TRIB__ANY : m < n ? m : n;
        out->dims[out->rank] = 0;
        return TRIB_OK;
}

/* Step k of min(m, n) divides m - k - 1 numbers, and takes a product from each of
 * (m - k - 1) (n - k - 1); to the two leading orders. */
static double lu_flops(const struct trib__shape *a)
{
        double m = (double)a->dims[a->rank - 2], n = (double)a->dims[a->rank - 1];
        double p = m < n ? m : n, one = 2 * (m * n * p - (m + n) * p * p / 2 + p * p * p / 3);

        return one * trib__shape_count(a) / (m * n);
}

/* ---- sparse times dense ----------------------------------------------------------------- */

trib_status trib__shape_check_csr(const struct trib__node *node, const struct trib__shape *in,
                                  trib_error *err)
{
        const struct trib__shape *x = &in[0], *values = &in[1], *columns = &in[2], *rows = &in[3];

        if (x->rank >= 0 && values->dtype != x->dtype)
                return trib__fail(err, TRIB_DTYPE_MISMATCH,
                                  "sparse_matmul: x is %s and the values are %s, must be the same",
                                  trib_dtype_name(x->dtype), trib_dtype_name(values->dtype));
        if ((columns->dtype != TRIB_I32 && columns->dtype != TRIB_I64) ||
            rows->dtype != columns->dtype)
                return trib__fail(err, TRIB_DTYPE_MISMATCH,
                                  "sparse_matmul: column indices are %s and row pointers %s, must "
                                  "both be i32 or both i64",
                                  trib_dtype_name(columns->dtype), trib_dtype_name(rows->dtype));
        if (values->rank != 1 || columns->rank != 1 || values->dims[0] != columns->dims[0])
                return trib__shape_mismatch(node, values, columns,
                                            "values and column indices are vectors of one length",
                                            err);
        if (rows->rank != 1 || rows->dims[0] < 2)
                return trib__shape_refuse(node, rows,
                                          "row pointers are a vector of rows + 1 numbers", err);
        return TRIB_OK;
}

static trib_status infer_sparse(const struct trib__node *node, const struct trib__shape *in,
                                struct trib__shape *out, trib_error *err)
{
        const struct trib__shape *x = &in[0];
        trib_status               status = trib__shape_check_csr(node, in, err);

        if (status != TRIB_OK)
                return status;
        if (x->dtype != TRIB_F32 && x->dtype != TRIB_F64 && x->dtype != TRIB_F16 &&
            x->dtype != TRIB_BF16)
                return trib__fail(err, TRIB_DTYPE_MISMATCH, "sparse_matmul does not take %s",
                                  trib_dtype_name(x->dtype));
        if (x->rank < 2)
                return trib__shape_refuse(node, x, "x is a matrix, of at least two dimensions",
                                          err);
        if (!trib__dims_agree(x->dims[x->rank - 2], node->columns)) {
                char text[96];

                return trib__fail(err, TRIB_SHAPE_MISMATCH,
                                  "sparse_matmul: x is %s: its last dimension but one must be the "
                                  "%lld columns of the sparse matrix",
                                  trib__shape_text(x, text, sizeof(text)),
                                  (long long)node->columns);
        }
        *out = *x;
        out->dims[x->rank - 2] = in[3].dims[0] - 1;
        return TRIB_OK;
}

/* ---- which is which --------------------------------------------------------------------- */

trib_status trib__shape_infer_matrix(const struct trib__node *node, const struct trib__shape *in,
                                     struct trib__shape *out, trib_error *err)
{
        if (node->op == TRIB__OP_LU)
                return infer_lu(node, &in[0], out, err);
        if (node->op == TRIB__OP_SPARSE_MATMUL)
                return infer_sparse(node, in, out, err);
        return infer_lu_part(node, &in[0], out, err);
}

double trib__matrix_flops(const struct trib__node *node, const struct trib__shape *in,
                          const struct trib__shape *out)
{
        if (node->op == TRIB__OP_LU)
                return lu_flops(&in[0]);
        if (node->op == TRIB__OP_SPARSE_MATMUL)
                return 2 * (double)in[1].dims[0] * trib__shape_count(out) /
                       (double)out->dims[out->rank - 2];
        return 0; /* they move numbers only */
}
