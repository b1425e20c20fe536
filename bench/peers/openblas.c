/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenBLAS as a contestant: one cblas_sgemm a request, one library thread, the bias copied into the
 * output beforehand (beta = 1). sgemm packs the weights anew in every call; that is its nature, and
 * it does so faster from [in][out] than from [out][in], so they are transposed once, at load (the
 * word `as-is` leaves them).
 * Locks: none of ours.
 */
#include "../peer.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

typedef struct blas_job {
        peer_workload load;
        const float *bias;
        const float *weights;
        float *transposed; /* NULL: weights are the user's */
} blas_job;

static bool is_as_is;

static const char *blas_version(void)
{
        return openblas_get_config();
}

static bool transpose(blas_job *j)
{
        size_t in = (size_t)j->load.in_features, out = (size_t)j->load.out_features;
        j->transposed = peer_alloc(in * out * sizeof(float));
        if (j->transposed == NULL)
                return false;
        for (size_t o = 0; o < out; o++) {
                for (size_t i = 0; i < in; i++)
                        j->transposed[i * out + o] = j->weights[o * in + i];
        }
        return true;
}

static bool blas_open(const peer_workload *load, const float *weights, const float *bias,
                      void **shared)
{
        *shared = NULL;
        if (load->precision != PEER_HIGH) {
                peer_complain("only high precision");
                return false;
        }
        blas_job *j = peer_alloc(sizeof *j);
        if (j == NULL)
                return false;
        *j = (blas_job){.load = *load, .bias = bias, .weights = weights};
        openblas_set_num_threads(1);
        if (!is_as_is && !transpose(j)) {
                free(j);
                return false;
        }
        *shared = j;
        return true;
}

static void blas_close(void *shared)
{
        blas_job *j = shared;
        free(j->transposed);
        free(j);
}

static bool blas_thread_open(void *shared, void **lane)
{
        *lane = shared;
        return true;
}

static void blas_thread_close(void *lane)
{
        (void)lane;
}

static bool blas_run(void *lane, const float *in, float *out)
{
        const blas_job *j = lane;
        const blasint m = (blasint)j->load.batch, n = (blasint)j->load.out_features;
        const blasint k = (blasint)j->load.in_features;
        for (blasint b = 0; b < m; b++)
                memcpy(out + (size_t)b * (size_t)n, j->bias, (size_t)n * sizeof(float));
        if (j->transposed != NULL)
                cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, in, k,
                            j->transposed, n, 1.0f, out, n);
        else
                cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, in, k,
                            j->weights, k, 1.0f, out, n);
        return true;
}

static bool set_option(const char *word)
{
        is_as_is = strcmp(word, "as-is") == 0;
        return is_as_is;
}

const peer_contestant peer_this = {
        .name = "openblas",
        .version = blas_version,
        .set_option = set_option,
        .open = blas_open,
        .close = blas_close,
        .thread_open = blas_thread_open,
        .thread_close = blas_thread_close,
        .run = blas_run,
};
