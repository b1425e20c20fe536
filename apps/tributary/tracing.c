/* SPDX-License-Identifier: Apache-2.0 */
/* tracing.c: from --trace to a recorder, and from that to a file. */
#include "tracing.h"

#include <inttypes.h>
#include <stdio.h>

#include "report/report_trace.h"

/* Beside rounds: warm-up, baselines before and after, peaks; more where a rate is searched for. */
#define STAGES_BESIDE 8u

trib_status trib_tracing_open(struct trib_measuring *measuring,
                              const struct trib_measure_group *groups, size_t group_count,
                              trib_error *err)
{
        const struct trib_measure_options *options = measuring->options;
        size_t                             stages = STAGES_BESIDE;

        if (options->trace == NULL)
                return TRIB_OK;
        for (size_t i = 0; i < group_count; i++)
                stages += groups[i].spec_count * groups[i].thread_count * (options->rounds + 1);
        return trib__recorder_create(trib__crew_size(measuring->crew), (unsigned)stages,
                                     &measuring->recorder, err);
}

int trib_tracing_write(struct trib_measuring *measuring)
{
        const struct trib_measure_options *options = measuring->options;
        struct trib__trace_content         content = { measuring->results, measuring->recorder };
        struct trib__report_file file = { options->trace, trib__report_trace, &content };
        struct trib__recording   recording;
        trib_error               err = TRIB_ERROR_INIT;

        if (measuring->recorder == NULL)
                return TRIB_EXIT_DONE;
        trib__recorder_end(measuring->recorder);
        if (trib__report_write_files(&file, 1, &err) != TRIB_OK)
                return trib_app_fail(measuring->command, &err);
        if (options->common.is_quiet)
                return TRIB_EXIT_DONE;
        trib__recorder_read(measuring->recorder, &recording);
        trib_app_say_written("", options->trace);
        (void)fprintf(stderr, "tributary: the trace holds %" PRIu64 " requests", recording.kept);
        if (recording.left_out > 0)
                (void)fprintf(stderr, "; %" PRIu64 " more are left out", recording.left_out);
        (void)fputc('\n', stderr);
        return TRIB_EXIT_DONE;
}
