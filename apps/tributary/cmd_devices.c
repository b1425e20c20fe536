/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_devices.c: `tributary devices`: what can be used on this machine, and what is missing for
 * the rest. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tributary/device.h>

#include "app.h"
#include "base/error.h"
#include "device_peaks.h"
#include "report/report_peaks.h"

#define DEVICES_MAX 64u

static const char help_text[] =
        "usage: tributary devices [OPTION]...\n"
        "\n"
        "List the devices that can be used on this machine, what each can do at most, and\n"
        "what is missing for the others. The first call measures for about a second; what\n"
        "it finds is kept in $XDG_CACHE_HOME/tributary, else in ~/.cache/tributary.\n"
        "\n"
        "  --device NAME             only this one\n"
        "  --fresh-peaks             measure the peaks even if they are known\n"
        "  --format text|json|csv|md\n"
        "  --out FILE                write there (format by its name, unless --format)\n"
        "  --quiet                   with --out: print nothing\n"
        "\n"
        "example: tributary devices --format json\n";

struct devices {
        trib_device_probe probes[DEVICES_MAX];
        trib_device_info  infos[DEVICES_MAX]; /* of those that could be opened; else name "" */
        struct trib__peaks peaks[DEVICES_MAX];
        struct trib__peaks_note notes[DEVICES_MAX]; /* about those; or text "" */
        size_t            count;
        bool              is_fresh;
};

/* What a device can do; nothing is known of one that does not tell. */
static void look_at_peaks(struct devices *devices, size_t index, trib_device *device)
{
        const trib_device_info   *info = &devices->infos[index];
        struct trib__peaks       *peaks = &devices->peaks[index];
        struct trib__peaks_source source;
        struct trib__peaks_taken  taken;

        trib_device_peaks_source(device, info, devices->is_fresh, &source);
        if (trib__peaks_take(&source, &taken, NULL) != TRIB_OK)
                return;
        peaks->parallel_units = info->compute_units;
        trib_device_peaks_describe(&taken, false, peaks);
        if (source.path[0] == '\0' && strncmp(info->name, "sim", 3) == 0)
                peaks->source[0] = '\0';
        if (taken.note_count > 0)
                devices->notes[index] = taken.notes[0];
}

static trib_status look(struct devices *devices, const char *only, trib_error *err)
{
        for (uint32_t i = 0; devices->count < DEVICES_MAX; i++) {
                trib_device_probe *probe = &devices->probes[devices->count];
                trib_device_info  *info = &devices->infos[devices->count];
                trib_device       *device;
                trib_status        status = trib_device_probe_at(i, probe, err);

                if (status == TRIB_NOT_FOUND)
                        break;
                if (status != TRIB_OK)
                        return status;
                if (only != NULL && strcmp(only, probe->name) != 0)
                        continue;
                devices->count++;
                if (!probe->is_available
                    || trib_device_open(probe->name, NULL, &device, NULL) != TRIB_OK)
                        continue;
                if (trib_device_get_info(device, info, NULL) != TRIB_OK)
                        info->name[0] = '\0';
                else
                        look_at_peaks(devices, devices->count - 1, device);
                trib_device_close(device);
        }
        if (only != NULL && devices->count == 0)
                return trib__fail(err, TRIB_NOT_FOUND,
                                  "there is no device '%.60s'; 'tributary devices' lists them all",
                                  only);
        return TRIB_OK;
}

static const char *text_or(const char *text, const char *otherwise)
{
        return text[0] != '\0' ? text : otherwise;
}

static void write_one(const struct devices *devices, size_t i, const struct trib__sink *sink)
{
        const trib_device_probe *probe = &devices->probes[i];
        const trib_device_info  *info = &devices->infos[i];
        char                     line[200];

        (void)fprintf(sink->stream, "%s%s\n", i > 0 ? "\n" : "", probe->name);
        trib__sink_item(sink, "device", probe->description);
        if (!probe->is_available) {
                trib__sink_item(sink, "missing", text_or(probe->missing, "not known what"));
                return;
        }
        if (info->name[0] == '\0')
                return;
        (void)snprintf(line, sizeof(line), "%s; up to %u streams; precision high%s",
                       text_or(info->library, "its own kernels"), info->max_streams,
                       info->has_medium ? ", medium" : "");
        trib__sink_item(sink, "computes with", line);
        trib__report_peaks(&devices->peaks[i], sink);
        if (devices->notes[i].text[0] != '\0')
                trib__sink_item(sink, "note", devices->notes[i].text);
        if (info->note[0] != '\0')
                trib__sink_item(sink, "for more", info->note);
}

static void write_text(const struct devices *devices, FILE *stream)
{
        struct trib__sink sink = { .stream = stream, .columns = 80 };

        for (size_t i = 0; i < devices->count; i++)
                write_one(devices, i, &sink);
}

/* A cell of CSV or Markdown: what would end it is replaced or doubled. */
static void write_cell(FILE *stream, const char *text, bool is_markdown)
{
        (void)fputs(is_markdown ? " " : "\"", stream);
        for (; *text != '\0'; text++) {
                if (*text == (is_markdown ? '|' : '"'))
                        (void)fputc(is_markdown ? '\\' : '"', stream);
                (void)fputc((unsigned char)*text < ' ' ? ' ' : *text, stream);
        }
        (void)fputs(is_markdown ? " |" : "\"", stream);
}

static void write_table(const struct devices *devices, bool is_markdown, FILE *stream)
{
        (void)fputs(is_markdown ? "| device | available | description | library | missing |\n"
                                  "|---|---|---|---|---|\n"
                                : "device,available,description,library,missing\n", stream);
        for (size_t i = 0; i < devices->count; i++) {
                const trib_device_probe *probe = &devices->probes[i];
                const char *cells[] = { probe->name, probe->is_available ? "yes" : "no",
                                        probe->description, devices->infos[i].library,
                                        probe->is_available ? devices->infos[i].note
                                                            : probe->missing };

                if (is_markdown)
                        (void)fputc('|', stream);
                for (size_t k = 0; k < sizeof(cells) / sizeof(cells[0]); k++) {
                        if (k > 0 && !is_markdown)
                                (void)fputc(',', stream);
                        write_cell(stream, cells[k], is_markdown);
                }
                (void)fputc('\n', stream);
        }
}

/* A member; a text that is not UTF-8 becomes null. */
static void set(json_t *object, const char *key, json_t *value)
{
        (void)json_object_set_new(object, key, value != NULL ? value : json_null());
}

static json_t *number(double value)
{
        return value > 0 ? json_real(value) : json_null();
}

static json_t *peaks_of(const struct trib__peaks *peaks)
{
        json_t *object = json_object();

#define ADD_PEAK(name) set(object, #name, number(peaks->name));
        ADD_PEAK(bytes_per_s)
        ADD_PEAK(submissions_per_s)
        TRIB__PEAK_MEMBERS(ADD_PEAK)
#undef ADD_PEAK
        if (peaks->source[0] != '\0')
                set(object, "source", json_string(peaks->source));
        if (strcmp(peaks->source, "cached") == 0)
                set(object, "age_s", json_real(peaks->age_s));
        return object;
}

static json_t *device_of(const struct devices *devices, size_t i)
{
        const trib_device_probe *probe = &devices->probes[i];
        const trib_device_info  *info = &devices->infos[i];
        json_t                  *object = json_object();

        set(object, "name", json_string(probe->name));
        set(object, "available", json_boolean(probe->is_available));
        set(object, "description", json_string(probe->description));
        if (!probe->is_available) {
                set(object, "missing", json_string(probe->missing));
        } else if (info->name[0] != '\0') {
                set(object, "library", json_string(info->library));
                set(object, "memory_bytes", json_integer((json_int_t)info->memory_bytes));
                set(object, "compute_units", json_integer(info->compute_units));
                set(object, "max_streams", json_integer(info->max_streams));
                set(object, "medium", json_boolean(info->has_medium));
                set(object, "note", json_string(info->note));
                set(object, "peaks", peaks_of(&devices->peaks[i]));
        }
        return object;
}

static void write_json(const struct devices *devices, FILE *stream)
{
        json_t *root = json_object(), *list = json_array();

        set(root, "schema", json_integer(1));
        for (size_t i = 0; i < devices->count; i++)
                (void)json_array_append_new(list, device_of(devices, i));
        set(root, "devices", list);
        if (json_dumpf(root, stream, JSON_INDENT(2)) == 0)
                (void)fputc('\n', stream);
        json_decref(root);
}

static void write_format(const struct devices *devices, trib__report_format format, FILE *stream)
{
        if (format == TRIB__REPORT_JSON)
                write_json(devices, stream);
        else if (format == TRIB__REPORT_TEXT)
                write_text(devices, stream);
        else
                write_table(devices, format == TRIB__REPORT_MARKDOWN, stream);
}

static trib_status emit(const struct devices *devices, const char *path,
                        trib__report_format format, trib_error *err)
{
        char       *bytes = NULL;
        size_t      size = 0;
        FILE       *stream = open_memstream(&bytes, &size);
        trib_status status = TRIB_OK;

        if (stream == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for the list");
        write_format(devices, format, stream);
        if (fclose(stream) != 0)
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for the list");
        if (status == TRIB_OK)
                status = trib__report_write_bytes(path, stdout, bytes, size, err);
        free(bytes);
        return status;
}

static int list_devices(const struct trib_app_common *common, bool is_fresh)
{
        struct devices      *devices = calloc(1, sizeof(*devices));
        trib__report_format  format = common->format;
        trib_error           err = TRIB_ERROR_INIT;
        trib_status          status;

        if (devices != NULL)
                devices->is_fresh = is_fresh;
        status = devices != NULL ? look(devices, common->device, &err)
                                 : trib__fail(&err, TRIB_OUT_OF_MEMORY, "no memory for the list");
        if (common->out != NULL && !common->has_format)
                format = trib__report_format_of_file(common->out);
        if (status == TRIB_OK)
                status = emit(devices, common->out, format, &err);
        if (status == TRIB_OK && common->out != NULL && !common->is_quiet)
                status = emit(devices, NULL, TRIB__REPORT_TEXT, &err);
        free(devices);
        return status == TRIB_OK ? TRIB_EXIT_DONE : trib_app_fail("devices", &err);
}

int trib_cmd_devices(int argc, char **argv)
{
        struct trib_app_args   args = trib_app_args_of("devices", argc, argv);
        struct trib_app_common common = TRIB_APP_COMMON_INIT;
        bool                   is_fresh = false;

        while (trib_app_next(&args)) {
                if (trib_app_is(&args, "--fresh-peaks"))
                        is_fresh = true;
                else if (!trib_app_take_common(&args, &common))
                        trib_app_unexpected(&args);
        }
        if (common.is_help && !args.has_failed)
                return trib_app_print_help(help_text);
        if (!args.has_failed)
                trib_app_need_plain_out(&args, &common);
        if (args.has_failed)
                return TRIB_EXIT_USAGE;
        if (trib_app_check_out("devices", &common) != TRIB_EXIT_DONE)
                return TRIB_EXIT_FAILED;
        return list_devices(&common, is_fresh);
}
