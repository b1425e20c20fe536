/* SPDX-License-Identifier: Apache-2.0 */
/* npy_files.h: files for the .npy tests: a folder of their own, and .npy bytes from a text. */
#ifndef TRIB_TEST_NPY_FILES_H
#define TRIB_TEST_NPY_FILES_H

#include <stddef.h>

/* The path of a file in this process's own folder, which is made at first use. Static storage,
 * overwritten by the next call but one. */
const char *npy_path(const char *name);

/* How many files the folder has. */
int npy_file_count(void);

/* Removes the folder and all in it. */
void npy_files_remove(void);

void npy_write_file(const char *path, const void *bytes, size_t size);

/* The whole file, from malloc. */
void *npy_read_file(const char *path, size_t *size);

/* A .npy file of the given format (1 .. 3): prefix, text, and data; returns its size. */
size_t npy_compose(int major, const char *text, const void *data, size_t data_size,
                   unsigned char out[1024]);

#endif
