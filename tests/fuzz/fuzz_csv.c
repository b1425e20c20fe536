/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_csv.c: any bytes as a file of measurements: read as CSV or JSON, concluded, and reported in
 * every format. Nothing may crash, leak or read out of bounds; a refused file leaves nothing; what
 * our own CSV writer made of accepted input must be accepted again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/measurements.h"
#include "analysis/read.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int is_true)
{
        if (!is_true)
                __builtin_trap();
}

static char *report(const struct trib__results *results, trib__report_format format, size_t *size)
{
        struct trib__report_style style = { format, 80 };
        char                     *text = NULL;
        FILE                     *stream = open_memstream(&text, size);

        require(stream != NULL);
        require(trib__report_write(results, &style, stream, NULL) == TRIB_OK);
        require(fclose(stream) == 0);
        return text;
}

static void check(struct trib__results *results)
{
        struct trib__read_input input = { NULL, 0, "again.csv", NULL };
        struct trib__results   *again;
        char                   *text;
        size_t                  size;

        require(trib__results_conclude(results, NULL) == TRIB_OK);
        for (int format = TRIB__REPORT_TEXT; format <= TRIB__REPORT_MARKDOWN; format++)
                free(report(results, (trib__report_format)format, &size));
        text = report(results, TRIB__REPORT_CSV, &input.size);
        input.data = text;
        require(trib__results_create(&again, NULL) == TRIB_OK);
        require(trib__read_csv(&input, again, NULL) == TRIB_OK);
        trib__results_destroy(again);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct trib__read_input input = { (const char *)data, size, "fuzz", NULL };
        struct trib__results   *results;
        trib_error              err = TRIB_ERROR_INIT;
        trib_status             status;

        require(trib__results_create(&results, NULL) == TRIB_OK);
        if (size > 0 && data[0] == '{')
                status = trib__read_json(&input, results, &err);
        else
                status = trib__read_csv(&input, results, &err);
        if (status == TRIB_OK && results->device.name[0] == '\0')
                check(results);
        else if (status != TRIB_OK)
                require(results->sweep_count == 0 && err.message[0] != '\0');
        trib__results_destroy(results);
        return 0;
}
