/* SPDX-License-Identifier: Apache-2.0 */
/* npy_files.c: see npy_files.h. A failure here fails the case. */
#include "npy_files.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

const char *npy_path(const char *name)
{
        static char paths[2][512];
        static int  next;
        char       *path = paths[next];

        if (folder[0] == '\0') {
                (void)strcpy(folder, P_tmpdir "/trib-npy-XXXXXX");
                assert_non_null(mkdtemp(folder));
        }
        next = !next;
        (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
        return path;
}

/* Calls `act` (if any) with the name of each file in the folder; returns how many. */
static int each_file(void (*act)(const char *path))
{
        DIR           *stream = opendir(folder);
        struct dirent *entry;
        int            count = 0;

        assert_non_null(stream);
        while ((entry = readdir(stream)) != NULL) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                count++;
                if (act != NULL)
                        act(npy_path(entry->d_name));
        }
        (void)closedir(stream);
        return count;
}

static void remove_path(const char *path)
{
        (void)remove(path);
}

int npy_file_count(void)
{
        return each_file(NULL);
}

void npy_files_remove(void)
{
        (void)each_file(remove_path);
        assert_int_equal(rmdir(folder), 0);
        folder[0] = '\0';
}

void npy_write_file(const char *path, const void *bytes, size_t size)
{
        FILE *file = fopen(path, "wb");

        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
}

void *npy_read_file(const char *path, size_t *size)
{
        FILE *file = fopen(path, "rb");
        char *bytes = malloc(65536);

        assert_non_null(file);
        assert_non_null(bytes);
        *size = fread(bytes, 1, 65536, file);
        assert_int_equal(fclose(file), 0);
        return bytes;
}

size_t npy_compose(int major, const char *text, const void *data, size_t data_size,
                   unsigned char out[1024])
{
        size_t length = strlen(text);
        size_t prefix = major == 1 ? 10 : 12;

        assert_true(prefix + length + data_size <= 1024);
        memset(out, 0, prefix);
        memcpy(out, "\x93NUMPY", 6);
        out[6] = (unsigned char)major;
        out[8] = (unsigned char)(length & 255);
        out[9] = (unsigned char)(length >> 8);
        memcpy(out + prefix, text, length);
        if (data_size > 0)
                memcpy(out + prefix + length, data, data_size);
        return prefix + length + data_size;
}
