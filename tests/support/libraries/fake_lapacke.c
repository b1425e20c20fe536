/* SPDX-License-Identifier: Apache-2.0 */
/* fake_lapacke.c: a shared library that says of itself what a LAPACKE over an OpenBLAS without
 * threads says, as libopenblas0-serial is. Its symbols are seen, whatever the build hides. */
#pragma GCC visibility push(default)

int LAPACKE_sgetrf_work(int layout, int m, int n, float *a, int lda, int *pivots);
int LAPACKE_dgetrf_work(int layout, int m, int n, double *a, int lda, int *pivots);
int openblas_get_num_threads(void);
int openblas_get_parallel(void);
void openblas_set_num_threads(int count);

int LAPACKE_sgetrf_work(int layout, int m, int n, float *a, int lda, int *pivots)
{
        (void)layout, (void)m, (void)n, (void)a, (void)lda, (void)pivots;
        return -1;
}

int LAPACKE_dgetrf_work(int layout, int m, int n, double *a, int lda, int *pivots)
{
        (void)layout, (void)m, (void)n, (void)a, (void)lda, (void)pivots;
        return -1;
}

int openblas_get_num_threads(void)
{
        return 1;
}

int openblas_get_parallel(void)
{
        return 0;
}

void openblas_set_num_threads(int count)
{
        (void)count;
}
