/* SPDX-License-Identifier: Apache-2.0 */
/* digits.c: one trained model, one session, sixteen threads.
 *
 *     digits [folder]
 *
 * Classifies handwritten digits, a request each, from one thread and then from sixteen that share
 * one session. Exits 0 only if every thread got the bits of the serial run, and these name the
 * digits that scikit-learn predicts with the same weights. README.md tells where all is from. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <tributary/tributary.h>

enum { DIGITS = 360, PIXELS = 64, CLASSES = 10, LAYERS = 3, THREADS = 16 };
enum { WEIGHTS, BIAS, IMAGES = 2 * LAYERS, LABELS, EXPECTED, ARRAYS };
static const char *const array_names[ARRAYS] = { "w0", "b0", "w1", "b1", "w2", "b2",
                                                 "test_images", "test_labels", "expected" };

/* Set before the threads start; then they only read it, and no lock is needed. */
static trib_tensor   arrays[ARRAYS];
static trib_session *session;
/* A row of scores for each digit in each pass. Pass 0 is the serial one, every other belongs to
 * a thread. A row that no request filled stays 0, which softmax never gives whole. */
static float scores[1 + THREADS][DIGITS][CLASSES];

static trib_status load(const char *folder, trib_error *err)
{
        char path[4096];
        for (int i = 0; i < ARRAYS && err->status == TRIB_OK; i++) {
                snprintf(path, sizeof(path), "%s/%s.npy", folder, array_names[i]);
                if (trib_npy_load(path, &arrays[i], err) == TRIB_OK && i > IMAGES
                    && (arrays[i].dtype != TRIB_I32 || arrays[i].rank != 1
                        || arrays[i].shape[0] != DIGITS))
                        *err = (trib_error){ TRIB_MALFORMED, "the labels are not i32 [360]" };
        }
        return err->status;
}

static trib_status build(trib_device *device, trib_model **model, trib_error *err)
{
        trib_model_builder *b;
        if (trib_model_builder_create(&b, err) != TRIB_OK)
                return err->status;
        trib_value x = trib_model_input(b, "image", TRIB_F32, 2, (int64_t[]){ 1, PIXELS });
        for (int layer = 0; layer < LAYERS; layer++) {
                trib_value weights = trib_model_constant(b, &arrays[WEIGHTS + 2 * layer]);
                trib_value bias = trib_model_constant(b, &arrays[BIAS + 2 * layer]);
                x = trib_model_linear(b, x, weights, bias);
                x = layer < LAYERS - 1 ? trib_model_relu(b, x) : trib_model_softmax(b, x, -1);
        }
        trib_model_output(b, "scores", x);
        trib_status status = trib_model_build(b, device, model, err); /* or the first mistake */
        trib_model_builder_destroy(b);
        return status;
}

static void *classify(void *pass)
{
        float    (*rows)[CLASSES] = pass;
        trib_error err = TRIB_ERROR_INIT;
        for (int i = 0; i < DIGITS && err.status == TRIB_OK; i++) {
                trib_tensor in, out = trib_tensor_from_f32(rows[i], 2, (int64_t[]){ 1, CLASSES });
                if (trib_tensor_rows(&arrays[IMAGES], i, 1, &in, &err) != TRIB_OK
                    || trib_infer(session, &in, 1, &out, 1, &err) != TRIB_OK)
                        fprintf(stderr, "digits: image %d: %s\n", i, err.message);
        }
        return NULL;
}

static int is_all_equal(void)
{
        const int32_t *labels = arrays[LABELS].data, *expected = arrays[EXPECTED].data;
        int right = 0, right_sklearn = 0, same_digit = 0, same_bits = 0;
        for (int i = 0; i < DIGITS; i++) {
                const float *row = scores[0][i];
                int digit = 0;
                for (int c = 1; c < CLASSES; c++)
                        digit = row[c] > row[digit] ? c : digit;
                right += digit == labels[i];
                right_sklearn += expected[i] == labels[i];
                same_digit += digit == expected[i];
                for (int t = 1; t <= THREADS; t++)
                        same_bits += row[digit] > 0
                                     && memcmp(scores[t][i], row, sizeof(scores[t][i])) == 0;
        }
        printf("digits: %d of %d right (scikit-learn: %d), with the same answer for %d of them\n"
               "        %d threads, one session: %d of %d results have the serial run's bits\n",
               right, DIGITS, right_sklearn, same_digit, THREADS, same_bits, THREADS * DIGITS);
        return same_digit == DIGITS && same_bits == THREADS * DIGITS;
}

int main(int argc, char **argv)
{
        trib_error   err = TRIB_ERROR_INIT;
        trib_device *device = NULL;
        trib_model  *model = NULL;
        pthread_t    threads[1 + THREADS];
        int          n = 1, passed = 0;
        if (load(argc > 1 ? argv[1] : DIGITS_DATA, &err) == TRIB_OK
            && trib_device_open("cpu:0", NULL, &device, &err) == TRIB_OK
            && build(device, &model, &err) == TRIB_OK
            && trib_session_open(model, NULL, &session, &err) == TRIB_OK) {
                classify(scores[0]);
                while (n <= THREADS
                       && pthread_create(&threads[n], NULL, classify, scores[n]) == 0)
                        n++;
                while (--n > 0)
                        pthread_join(threads[n], NULL);
                passed = is_all_equal();
        }
        if (err.status != TRIB_OK || trib_session_close(session, &err) != TRIB_OK)
                fprintf(stderr, "digits: %s\n", err.message);
        trib_model_close(model);
        trib_device_close(device);
        for (int i = 0; i < ARRAYS; i++)
                trib_npy_free(&arrays[i]);
        return passed && err.status == TRIB_OK ? 0 : 1;
}
