/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX Runtime as a contestant: one session for all threads, one intra-op and one inter-op thread,
 * no spinning, inputs and outputs preallocated and bound, so that a request is one call.
 *
 * The model is one Gemm with constant weights (which ONNX Runtime packs at load), encoded here in
 * memory: an ONNX file is a protobuf message, and the few fields below are all of it that we need.
 * The library is opened at run time, so that one program can measure several versions: a word with
 * a slash names its file. The word `run` uses Run instead of RunWithBinding.
 *
 * Nouns. A *writer* is a growing protobuf message. A length must precede what it measures, so each
 * nested message is written on its own and then put into its parent.
 * Locks: none of ours.
 */
#include "../peer.h"

#include <onnxruntime_c_api.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const char *library_path = "libonnxruntime.so";
static const OrtApiBase *base; /* set by the first open, never unset: the library is never closed */
static const OrtApi *ort;
static bool is_plain_run;

/* --- protobuf --- */

typedef struct writer {
        uint8_t *data;
        size_t size, room;
        bool is_broken; /* out of memory once: everything later is dropped */
} writer;

static void put_bytes(writer *w, const void *bytes, size_t n)
{
        if (w->size + n > w->room && !w->is_broken) {
                size_t room = (w->size + n) * 2;
                uint8_t *data = realloc(w->data, room);
                w->is_broken = data == NULL;
                if (data != NULL) {
                        w->data = data;
                        w->room = room;
                }
        }
        if (w->is_broken || n == 0)
                return;
        memcpy(w->data + w->size, bytes, n);
        w->size += n;
}

static void put_varint(writer *w, uint64_t v)
{
        uint8_t bytes[10];
        size_t n = 0;
        while (v >= 0x80) {
                bytes[n++] = (uint8_t)(v | 0x80);
                v >>= 7;
        }
        bytes[n++] = (uint8_t)v;
        put_bytes(w, bytes, n);
}

static void put_int(writer *w, uint32_t field, int64_t v)
{
        put_varint(w, field << 3);
        put_varint(w, (uint64_t)v);
}

static void put_block(writer *w, uint32_t field, const void *bytes, size_t n)
{
        put_varint(w, field << 3 | 2);
        put_varint(w, n);
        put_bytes(w, bytes, n);
}

static void put_text(writer *w, uint32_t field, const char *text)
{
        put_block(w, field, text, strlen(text));
}

/* Put a finished message into its parent and free it. */
static void put_message(writer *w, uint32_t field, writer *part)
{
        w->is_broken = w->is_broken || part->is_broken;
        put_block(w, field, part->data, part->size);
        free(part->data);
}

/* --- the model; field numbers are those of onnx.proto --- */

enum { ONNX_FLOAT = 1, ONNX_ATTRIBUTE_INT = 2 };

static void put_initializer(writer *graph, const char *name, const float *data, const int64_t *dims,
                            int n_dims)
{
        writer tensor = {.data = NULL};
        size_t n = 1;
        for (int i = 0; i < n_dims; i++) {
                put_int(&tensor, 1, dims[i]);
                n *= (size_t)dims[i];
        }
        put_int(&tensor, 2, ONNX_FLOAT);
        put_text(&tensor, 8, name);
        put_block(&tensor, 9, data, n * sizeof(float));
        put_message(graph, 5, &tensor);
}

/* A graph input (field 11) or output (field 12): rows x columns of float. */
static void put_value(writer *graph, uint32_t field, const char *name, int64_t rows,
                      int64_t columns)
{
        writer value = {.data = NULL}, type = value, tensor = value, shape = value, dim = value;
        put_int(&dim, 1, rows);
        put_message(&shape, 1, &dim);
        dim = (writer){.data = NULL};
        put_int(&dim, 1, columns);
        put_message(&shape, 1, &dim);
        put_int(&tensor, 1, ONNX_FLOAT);
        put_message(&tensor, 2, &shape);
        put_message(&type, 1, &tensor);
        put_text(&value, 1, name);
        put_message(&value, 2, &type);
        put_message(graph, field, &value);
}

/* y = x * transpose(w) + b */
static void put_gemm(writer *graph)
{
        writer node = {.data = NULL}, attribute = node;
        put_text(&node, 1, "x");
        put_text(&node, 1, "w");
        put_text(&node, 1, "b");
        put_text(&node, 2, "y");
        put_text(&node, 4, "Gemm");
        put_text(&attribute, 1, "transB");
        put_int(&attribute, 3, 1);
        put_int(&attribute, 20, ONNX_ATTRIBUTE_INT);
        put_message(&node, 5, &attribute);
        put_message(graph, 1, &node);
}

static writer encode_model(const peer_workload *load, const float *weights, const float *bias)
{
        writer model = {.data = NULL}, graph = model, opset = model;
        const int64_t dims[] = {load->out_features, load->in_features};
        put_gemm(&graph);
        put_text(&graph, 2, "linear");
        put_initializer(&graph, "w", weights, dims, 2);
        put_initializer(&graph, "b", bias, dims, 1);
        put_value(&graph, 11, "x", load->batch, load->in_features);
        put_value(&graph, 12, "y", load->batch, load->out_features);
        put_int(&opset, 2, 13);
        put_int(&model, 1, 8);
        put_message(&model, 7, &graph);
        put_message(&model, 8, &opset);
        return model;
}

/* --- contestant --- */

typedef struct ort_job {
        peer_workload load;
        OrtEnv *env;
        OrtSession *session;
        OrtMemoryInfo *memory;
} ort_job;

typedef struct ort_lane {
        ort_job *job;
        OrtIoBinding *binding;
        OrtValue *in, *out;
        const float *in_data;
        float *out_data;
} ort_lane;

static bool is_ok(OrtStatus *status)
{
        if (status == NULL)
                return true;
        peer_complain("%s", ort->GetErrorMessage(status));
        ort->ReleaseStatus(status);
        return false;
}

static void ort_job_close(void *shared)
{
        ort_job *j = shared;
        if (j->memory != NULL)
                ort->ReleaseMemoryInfo(j->memory);
        if (j->session != NULL)
                ort->ReleaseSession(j->session);
        if (j->env != NULL)
                ort->ReleaseEnv(j->env);
        free(j);
}

static bool set_entry(OrtSessionOptions *options, const char *off)
{
        return is_ok(ort->AddSessionConfigEntry(options, off, "0"));
}

static bool session_open(ort_job *j, const writer *model)
{
        OrtSessionOptions *options = NULL;
        if (!is_ok(ort->CreateSessionOptions(&options)))
                return false;
        bool is_open =
                is_ok(ort->SetIntraOpNumThreads(options, 1)) &&
                is_ok(ort->SetInterOpNumThreads(options, 1)) &&
                is_ok(ort->SetSessionExecutionMode(options, ORT_SEQUENTIAL)) &&
                is_ok(ort->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL)) &&
                set_entry(options, "session.intra_op.allow_spinning") &&
                set_entry(options, "session.inter_op.allow_spinning") &&
                is_ok(ort->CreateSessionFromArray(j->env, model->data, model->size, options,
                                                  &j->session));
        ort->ReleaseSessionOptions(options);
        return is_open;
}

/* The library's one entry point. */
static bool library_open(void)
{
        if (ort != NULL)
                return true;
        void *library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
                peer_complain("%s", dlerror());
                return false;
        }
        const OrtApiBase *(*get_base)(void) = NULL;
        void *symbol = dlsym(library, "OrtGetApiBase");
        memcpy(&get_base, &symbol, sizeof get_base); /* a data pointer that is a function's */
        if (get_base == NULL) {
                peer_complain("%s has no OrtGetApiBase", library_path);
                return false;
        }
        base = get_base();
        ort = base->GetApi(ORT_API_VERSION);
        if (ort == NULL)
                peer_complain("%s is version %s, older than the header that this was built with",
                              library_path, base->GetVersionString());
        return ort != NULL;
}

static bool ort_job_open(const peer_workload *load, const float *weights, const float *bias,
                         void **shared)
{
        *shared = NULL;
        if (load->precision != PEER_HIGH) {
                peer_complain("only high precision");
                return false;
        }
        ort_job *j = library_open() ? peer_alloc(sizeof *j) : NULL;
        if (j == NULL)
                return false;
        j->load = *load;
        writer model = encode_model(load, weights, bias);
        bool is_open = !model.is_broken &&
                       is_ok(ort->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "bench", &j->env)) &&
                       session_open(j, &model) &&
                       is_ok(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault,
                                                      &j->memory));
        free(model.data);
        if (!is_open) {
                ort_job_close(j);
                return false;
        }
        *shared = j;
        return true;
}

static bool ort_lane_open(void *shared, void **lane)
{
        *lane = NULL;
        ort_lane *l = peer_alloc(sizeof *l);
        if (l == NULL)
                return false;
        l->job = shared;
        if (!is_ok(ort->CreateIoBinding(l->job->session, &l->binding))) {
                free(l);
                return false;
        }
        *lane = l;
        return true;
}

static void release_values(ort_lane *l)
{
        if (l->in != NULL)
                ort->ReleaseValue(l->in);
        if (l->out != NULL)
                ort->ReleaseValue(l->out);
        l->in = l->out = NULL;
}

static void ort_lane_close(void *lane)
{
        ort_lane *l = lane;
        ort->ReleaseIoBinding(l->binding);
        release_values(l);
        free(l);
}

static bool value_make(const ort_lane *l, float *data, int64_t columns, OrtValue **value)
{
        const int64_t dims[] = {l->job->load.batch, columns};
        return is_ok(ort->CreateTensorWithDataAsOrtValue(
                l->job->memory, data, (size_t)(dims[0] * dims[1]) * sizeof(float), dims, 2,
                ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, value));
}

/* A user whose buffers stay the same binds them once, and so do we. */
static bool point_at(ort_lane *l, const float *in, float *out)
{
        const peer_workload *w = &l->job->load;
        if (l->in_data == in && l->out_data == out)
                return true;
        ort->ClearBoundInputs(l->binding);
        ort->ClearBoundOutputs(l->binding);
        release_values(l);
        l->in_data = in;
        l->out_data = out;
        return value_make(l, (float *)(uintptr_t)in, w->in_features, &l->in) &&
               value_make(l, out, w->out_features, &l->out) &&
               is_ok(ort->BindInput(l->binding, "x", l->in)) &&
               is_ok(ort->BindOutput(l->binding, "y", l->out));
}

static bool ort_run(void *lane, const float *in, float *out)
{
        static const char *const in_names[] = {"x"}, *const out_names[] = {"y"};
        ort_lane *l = lane;
        if (!point_at(l, in, out))
                return false;
        if (!is_plain_run)
                return is_ok(ort->RunWithBinding(l->job->session, NULL, l->binding));
        return is_ok(ort->Run(l->job->session, NULL, in_names, (const OrtValue *const *)&l->in, 1,
                              out_names, 1, &l->out));
}

static const char *ort_version(void)
{
        return base->GetVersionString();
}

static bool set_option(const char *word)
{
        if (strcmp(word, "run") == 0)
                is_plain_run = true;
        else if (strchr(word, '/') != NULL)
                library_path = word;
        else
                return false;
        return true;
}

const peer_contestant peer_this = {
        .name = "onnxruntime",
        .version = ort_version,
        .set_option = set_option,
        .open = ort_job_open,
        .close = ort_job_close,
        .thread_open = ort_lane_open,
        .thread_close = ort_lane_close,
        .run = ort_run,
};
