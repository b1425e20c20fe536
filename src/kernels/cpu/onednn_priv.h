/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_priv.h: the part of oneDNN's C interface that we use, declared by ourselves, because one
 * binary speaks to 2.x and 3.x. Only for kernels/cpu/onednn*.c.
 *
 * What is alike in both versions is called through struct trib__onednn_api. What differs (memory
 * descriptors are structs by value in 2.x and handles in 3.x; operator descriptors exist in 2.x
 * only; some enum values) is behind struct trib__onednn_abi, one instance per version, each in a
 * file of its own: onednn_v2.c, onednn_v3.c. Enums of the library travel as int.
 *
 * Locks: one, in onednn.c, around the process-wide reference count. */
#ifndef TRIB_KERNELS_CPU_ONEDNN_PRIV_H
#define TRIB_KERNELS_CPU_ONEDNN_PRIV_H

#include "base/atomic.h"
#include "base/fault.h"
#include "kernels/cpu/onednn.h"

/* ---- values that are the same in 2.x and 3.x -------------------------------------------- */

enum trib__dnnl_status {
        TRIB__DNNL_SUCCESS = 0,
        TRIB__DNNL_OUT_OF_MEMORY = 1,
        TRIB__DNNL_INVALID_ARGUMENTS = 2,
        TRIB__DNNL_UNIMPLEMENTED = 3,
        TRIB__DNNL_RUNTIME_ERROR = 5,
};

#define TRIB__DNNL_F16 1
#define TRIB__DNNL_BF16 2
#define TRIB__DNNL_F32 3

#define TRIB__DNNL_TAG_ANY 1
#define TRIB__DNNL_ENGINE_CPU 1
#define TRIB__DNNL_STREAM_IN_ORDER 1u
#define TRIB__DNNL_SCRATCHPAD_USER 1
#define TRIB__DNNL_FORWARD_INFERENCE 96
#define TRIB__DNNL_BINARY_ADD 0x1fff0
#define TRIB__DNNL_BINARY_MUL 0x1fff1

#define TRIB__DNNL_QUERY_IMPLEMENTATION 8
#define TRIB__DNNL_QUERY_ARGUMENT_MD 255

#define TRIB__DNNL_ARG_SRC 1
#define TRIB__DNNL_ARG_SRC_1 2
#define TRIB__DNNL_ARG_DST 17
#define TRIB__DNNL_ARG_WEIGHTS 33
#define TRIB__DNNL_ARG_BIAS 41
#define TRIB__DNNL_ARG_SCALE 51
#define TRIB__DNNL_ARG_SHIFT 52
#define TRIB__DNNL_ARG_SCRATCHPAD 80

#define TRIB__DNNL_RUNTIME_SEQUENTIAL 1u
#define TRIB__DNNL_RUNTIME_OPENMP 2u

#define TRIB__DNNL_MAX_RANK 12

/* The instruction set in effect is a set of bits; these mean the same in both. */
#define TRIB__DNNL_ISA_AVX512_BF16 0xe7

/* ---- objects of the library ------------------------------------------------------------- */

struct trib__dnnl_engine;
struct trib__dnnl_stream;
struct trib__dnnl_memory;
struct trib__dnnl_attr;
struct trib__dnnl_post_ops;
struct trib__dnnl_pd; /* primitive descriptor */
struct trib__dnnl_primitive;

struct trib__dnnl_version {
        int         major, minor, patch;
        const char *hash;
        unsigned    cpu_runtime, gpu_runtime;
};

struct trib__dnnl_arg {
        int                       arg;
        struct trib__dnnl_memory *memory;
};

/* A memory descriptor that we own: in 2.x the struct itself (696 bytes of 8-byte alignment in
 * 2.6; more room is left), in 3.x a handle. Passed to the library as abi->md_pointer(md). */
union trib__onednn_md {
        void    *handle;
        uint64_t room[128];
};

typedef void (*trib__onednn_symbol)(void);

/* Functions that have one signature in 2.x and 3.x: X(result, name, arguments). A memory
 * descriptor is a `const void *` here: a pointer in either version. */
#define TRIB__ONEDNN_API(X)                                                                     \
        X(const struct trib__dnnl_version *, version, (void))                                   \
        X(int, get_effective_cpu_isa, (void))                                                   \
        X(int, engine_create, (struct trib__dnnl_engine **, int, size_t))                       \
        X(int, engine_destroy, (struct trib__dnnl_engine *))                                    \
        X(int, stream_create, (struct trib__dnnl_stream **, struct trib__dnnl_engine *,         \
                               unsigned))                                                       \
        X(int, stream_destroy, (struct trib__dnnl_stream *))                                    \
        X(size_t, memory_desc_get_size, (const void *))                                         \
        X(int, memory_desc_equal, (const void *, const void *))                                 \
        X(int, memory_create, (struct trib__dnnl_memory **, const void *,                       \
                               struct trib__dnnl_engine *, void *))                             \
        X(int, memory_destroy, (struct trib__dnnl_memory *))                                    \
        X(int, memory_set_data_handle, (struct trib__dnnl_memory *, void *))                    \
        X(int, primitive_attr_create, (struct trib__dnnl_attr **))                              \
        X(int, primitive_attr_destroy, (struct trib__dnnl_attr *))                              \
        X(int, primitive_attr_set_scratchpad_mode, (struct trib__dnnl_attr *, int))             \
        X(int, primitive_attr_set_post_ops, (struct trib__dnnl_attr *,                          \
                                             const struct trib__dnnl_post_ops *))               \
        X(int, post_ops_create, (struct trib__dnnl_post_ops **))                                \
        X(int, post_ops_destroy, (struct trib__dnnl_post_ops *))                                \
        X(int, primitive_desc_query, (const struct trib__dnnl_pd *, int, int, void *))          \
        X(const void *, primitive_desc_query_md, (const struct trib__dnnl_pd *, int, int))      \
        X(int, primitive_desc_destroy, (struct trib__dnnl_pd *))                                \
        X(int, reorder_primitive_desc_create,                                                   \
          (struct trib__dnnl_pd **, const void *, struct trib__dnnl_engine *, const void *,     \
           struct trib__dnnl_engine *, const struct trib__dnnl_attr *))                         \
        X(int, primitive_create, (struct trib__dnnl_primitive **,                               \
                                  const struct trib__dnnl_pd *))                                \
        X(int, primitive_destroy, (struct trib__dnnl_primitive *))                              \
        X(int, primitive_execute, (const struct trib__dnnl_primitive *,                         \
                                   struct trib__dnnl_stream *, int,                             \
                                   const struct trib__dnnl_arg *))

struct trib__onednn_api {
#define TRIB__ONEDNN_MEMBER(result, name, arguments) result(*name) arguments;
        TRIB__ONEDNN_API(TRIB__ONEDNN_MEMBER)
#undef TRIB__ONEDNN_MEMBER
};

/* ---- what differs ----------------------------------------------------------------------- */

/* A dense or strided tensor to describe; strides NULL: the library chooses the layout. The arrays
 * have their full length because the library's prototypes say so. */
struct trib__onednn_layout {
        int     rank;
        int     type; /* TRIB__DNNL_F32 ... */
        int64_t shape[TRIB__DNNL_MAX_RANK];
        int64_t strides[TRIB__DNNL_MAX_RANK];
        bool    is_any;
};

enum trib__onednn_op_kind {
        TRIB__ONEDNN_OP_MATMUL,
        TRIB__ONEDNN_OP_BINARY,
        TRIB__ONEDNN_OP_ELTWISE,
        TRIB__ONEDNN_OP_SOFTMAX,
        TRIB__ONEDNN_OP_LAYER_NORM,
        TRIB__ONEDNN_OP_CONV,
};

/* One operator, as both versions can be told. Descriptors are what abi->md_pointer gave. */
struct trib__onednn_op {
        enum trib__onednn_op_kind    kind;
        const void                  *src;  /* every kind; src and dst alike for one-tensor ops */
        const void                  *src1; /* matmul, binary, conv                             */
        const void                  *bias; /* matmul, conv, or NULL                            */
        const void                  *dst;
        int                          binary;     /* TRIB__DNNL_BINARY_*                        */
        enum trib__onednn_activation activation; /* eltwise                                    */
        int                          axis;       /* softmax                                    */
        float                        epsilon;    /* layer norm, and the two below              */
        bool                         has_scale;
        bool                         has_shift;
        int64_t                      strides[2]; /* conv, and the two below                    */
        int64_t                      dilates[2]; /* as the library counts: 0 is none           */
        int64_t                      padding[2];
};

/* Symbols that only one version has, looked up by name into trib__onednn.own. */
#define TRIB__ONEDNN_OWN_MAX 12

struct trib__onednn_abi {
        int                major, minor_least;
        const char *const *own_names; /* ends with NULL; "dnnl_" is put in front */
        int                isa_amx;   /* the bits that say AMX                   */

        /* Each returns a trib__dnnl_status. md_fini takes what md_init made. */
        int (*md_init)(const struct trib__onednn *lib, union trib__onednn_md *md,
                       const struct trib__onednn_layout *layout);
        void (*md_fini)(const struct trib__onednn *lib, union trib__onednn_md *md);
        const void *(*md_pointer)(const union trib__onednn_md *md);
        int (*pd_create)(const struct trib__onednn *lib, const struct trib__onednn_op *op,
                         const struct trib__dnnl_attr *attr, struct trib__dnnl_pd **pd);
        int (*append_activation)(const struct trib__onednn *lib,
                                 struct trib__dnnl_post_ops      *post_ops,
                                 enum trib__onednn_activation     activation);
        const char *(*isa_name)(int isa);
};

extern const struct trib__onednn_abi trib__onednn_v2;
extern const struct trib__onednn_abi trib__onednn_v3;

/* ---- our objects ------------------------------------------------------------------------ */

struct trib__onednn {
        /* Fixed by open, then read-only on every thread. */
        struct trib__onednn_info       info;
        const struct trib__onednn_abi *abi;
        struct trib__onednn_api        api;
        trib__onednn_symbol            own[TRIB__ONEDNN_OWN_MAX];
        struct trib__dnnl_engine      *engine;
        void                          *handle; /* of dlopen; never closed */
        int (*omp_get_max_threads)(void);      /* both NULL without OpenMP */
        void (*omp_set_num_threads)(int);

        /* Under the lock of onednn.c. */
        uint64_t references;
};

/* Packed weights, shared by the primitives that can read their layout. */
struct trib__onednn_packed {
        trib__atomic_u32 references;
        size_t           bytes;
        void            *data;
};

/* Where the memory of one argument of a primitive comes from. */
enum trib__onednn_source {
        TRIB__ONEDNN_INPUT,         /* inputs[index]                               */
        TRIB__ONEDNN_INPUT_ROUNDED, /* inputs[index], rounded to bf16 into scratch */
        TRIB__ONEDNN_OUTPUT,
        TRIB__ONEDNN_SCRATCH,
        TRIB__ONEDNN_CONSTANT,      /* a memory object of the primitive            */
};

struct trib__onednn_slot {
        int                       arg;
        enum trib__onednn_source  source;
        uint32_t                  index;
        size_t                    offset; /* into the scratch                    */
        size_t                    count;  /* ROUNDED only: elements              */
        struct trib__dnnl_memory *memory; /* CONSTANT only                       */
        void                     *data;   /* CONSTANT only: ours to free, or NULL */
};

#define TRIB__ONEDNN_SLOTS 6

struct trib__onednn_prim {
        /* Fixed by create, then read-only on every thread. */
        struct trib__onednn         *lib;
        struct trib__onednn_prim_info info;
        struct trib__dnnl_pd        *pd;
        struct trib__dnnl_primitive *primitive;
        struct trib__onednn_packed  *packed;
        struct trib__onednn_slot     slots[TRIB__ONEDNN_SLOTS];
        uint32_t                     slot_count;
};

/* ---- helpers ---------------------------------------------------------------------------- */

/* A call that returns a trib__dnnl_status, as a fault site. */
#define TRIB__ONEDNN_CALL(site, call) \
        (TRIB__FAULT(LIBRARY, "onednn." site) ? (int)TRIB__DNNL_RUNTIME_ERROR : (call))

/* Turn a status of the library into ours. `what` is what we asked for. */
trib_status trib__onednn_failed(int status, const char *what, trib_error *err);

/* Descriptors that live while a primitive is made. */
#define TRIB__ONEDNN_MDS 4

struct trib__onednn_mds {
        const struct trib__onednn *lib;
        union trib__onednn_md      md[TRIB__ONEDNN_MDS];
        int                        count;
};

/* Add one; on success *pointer is what struct trib__onednn_op takes. Set lib first. */
trib_status trib__onednn_mds_add(struct trib__onednn_mds          *mds,
                                 const struct trib__onednn_layout *layout, const void **pointer,
                                 trib_error *err);
void trib__onednn_mds_free(struct trib__onednn_mds *mds);

/* A row-major layout. */
struct trib__onednn_layout trib__onednn_dense(int type, int rank, const int64_t *shape);

/* The library's number of a dtype, or TRIB_UNSUPPORTED. */
trib_status trib__onednn_type(trib_dtype dtype, int *type, trib_error *err);

/* Every dimension is positive, and the bytes fit into memory. `what` names the tensor. */
trib_status trib__onednn_check_shape(const char *what, int rank, const int64_t *shape,
                                     trib_error *err);

/* A create function is: start, then (between enter and leave) build, add its arguments; finish.
 * finish destroys the primitive unless status is TRIB_OK. */
trib_status trib__onednn_prim_start(struct trib__onednn *lib, struct trib__onednn_prim **prim,
                                    trib_error *err);
trib_status trib__onednn_prim_finish(struct trib__onednn_prim *prim, trib_status status,
                                     struct trib__onednn_prim **out);

/* Make prim->pd and prim->primitive, and add the arguments for the output and the library's own
 * scratch. */
trib_status trib__onednn_prim_build(struct trib__onednn_prim *prim,
                                    const struct trib__onednn_op *op,
                                    enum trib__onednn_activation post_op, trib_error *err);

/* Add an argument that each run gives. */
void trib__onednn_prim_add_input(struct trib__onednn_prim *prim, int arg);

/* Add one of `count` floats that is rounded to bf16 into scratch first. */
trib_status trib__onednn_prim_add_rounded(struct trib__onednn_prim *prim, int arg, size_t count,
                                          trib_error *err);

/* Add an argument that never changes. `data` is the caller's to keep alive; if `is_owned`, the
 * primitive frees it, also when this call fails. */
trib_status trib__onednn_prim_add_constant(struct trib__onednn_prim *prim, int arg, void *data,
                                           bool is_owned, trib_error *err);

/* The type of the operands: as the dtype says, or bf16 for f32 at medium precision. In
 * onednn_linear.c, as is the next. */
trib_status trib__onednn_operand_type(const struct trib__onednn *lib, trib_dtype dtype,
                                      enum trib__onednn_precision precision, int *type,
                                      trib_error *err);

/* An operand of `count` elements that each run gives: as it is, or rounded to bf16. */
trib_status trib__onednn_add_operand(struct trib__onednn_prim *prim, int arg,
                                     enum trib__onednn_precision precision, int64_t count,
                                     trib_error *err);

/* Constant weights, given in the layout `given`, packed as the built primitive wants them, or the
 * donor's. In onednn_pack.c, as is the next. */
trib_status trib__onednn_prim_add_weights(struct trib__onednn_prim         *prim,
                                          const struct trib__onednn_layout *given,
                                          const void                       *weights,
                                          const struct trib__onednn_prim   *donor,
                                          trib_error                       *err);

/* A constant bias of `count` elements; NULL is none. */
trib_status trib__onednn_prim_add_bias(struct trib__onednn_prim *prim, trib_dtype dtype,
                                       int64_t count, const void *bias, trib_error *err);

/* The descriptor of argument `arg` as the primitive wants it. */
const void *trib__onednn_arg_md(const struct trib__onednn_prim *prim, int arg);

/* Packed weights, in onednn_pack.c: `from` is converted to the layout to_md. Each owner takes one
 * reference and drops it; create gives the first. NULL is fine for drop. */
trib_status trib__onednn_packed_create(struct trib__onednn *lib, const void *from_md,
                                       const void *from, const void *to_md,
                                       struct trib__onednn_packed **out, trib_error *err);
void trib__onednn_packed_take(struct trib__onednn_packed *packed);
void trib__onednn_packed_drop(struct trib__onednn_packed *packed);

/* Round n floats to bf16, nearest even. Only where info.has_bf16. In onednn_exec.c. */
void trib__onednn_round_bf16(const float *from, uint16_t *to, size_t n);

#endif
