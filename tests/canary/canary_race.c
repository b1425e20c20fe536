/* SPDX-License-Identifier: Apache-2.0 */
/* canary_race.c: two threads write one plain word without order. ThreadSanitizer must say so. */
#include <pthread.h>
#include <stddef.h>

static int shared_word;

static void *write_word(void *argument)
{
        shared_word += argument != NULL;
        return NULL;
}

int main(void)
{
        pthread_t first, second;

        if (pthread_create(&first, NULL, write_word, NULL) != 0)
                return 1;
        if (pthread_create(&second, NULL, write_word, &first) != 0)
                return 1;
        (void)pthread_join(first, NULL);
        (void)pthread_join(second, NULL);
        return 0;
}
