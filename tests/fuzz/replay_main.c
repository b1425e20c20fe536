/* SPDX-License-Identifier: Apache-2.0 */
/* replay_main.c: the main of a fuzz target where there is no libFuzzer. It gives the target every
 * file of the folders (or the files) named on the command line, each in memory of its exact size,
 * so that a sanitizer sees a read past its end. It fails when it found no file at all. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, size_t size)
{
        FILE    *file = fopen(path, "rb");
        uint8_t *data = malloc(size != 0 ? size : 1);
        int      is_read = file != NULL && data != NULL && fread(data, 1, size, file) == size;

        if (is_read)
                (void)LLVMFuzzerTestOneInput(data, size);
        else
                fprintf(stderr, "cannot read %s\n", path);
        free(data);
        if (file != NULL)
                (void)fclose(file);
        return is_read;
}

/* Files replayed below path, or -1. */
static long replay(const char *path)
{
        struct stat    status;
        struct dirent *entry;
        DIR           *folder;
        char           child[4096];
        long           total = 0;

        if (stat(path, &status) != 0) {
                fprintf(stderr, "cannot find %s\n", path);
                return -1;
        }
        if (!S_ISDIR(status.st_mode))
                return replay_file(path, (size_t)status.st_size) ? 1 : -1;
        folder = opendir(path);
        if (folder == NULL)
                return -1;
        while (total >= 0 && (entry = readdir(folder)) != NULL) {
                long found;

                if (entry->d_name[0] == '.')
                        continue;
                (void)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
                found = replay(child);
                total = found < 0 ? -1 : total + found;
        }
        (void)closedir(folder);
        return total;
}

int main(int argc, char **argv)
{
        long total = 0;

        for (int i = 1; i < argc; i++) {
                long found = replay(argv[i]);

                if (found < 0)
                        return 1;
                total += found;
        }
        printf("%ld inputs replayed\n", total);
        return total > 0 ? 0 : 1;
}
