/* SPDX-License-Identifier: Apache-2.0 */
/* sim_options.c: the name of a simulated device, strictly read: "gpu,queues=4,flops=1e12".
 * A part is a preset, which sets several options, or KEY=VALUE; later parts win. No state. */
#include <string.h>

#include "backend/sim/sim_priv.h"
#include "base/error.h"

/* Spaces only, so that all of them fit into a message. */
#define KNOWN_KEYS                                                                            \
        "queues launch_us flops bandwidth total_bandwidth copy_bandwidth transfers serial "   \
        "lock_us wake_us host_us host_cores clock compute memory unified delay_us fail_at "   \
        "fail_every hang_at reorder"
#define KNOWN_PRESETS "0, fast, gpu, serial, slow"

/* So much of a wrong part is said. */
#define SHOWN 36

/* A part of the name, not terminated. */
struct span {
        const char *text;
        size_t      length;
};

static bool span_is(struct span span, const char *text)
{
        return strlen(text) == span.length && memcmp(span.text, text, span.length) == 0;
}

/* The part of *rest before `separator`; *rest becomes what follows, or NULL if nothing does. */
static struct span take_part(const char **rest, const char *end, char separator)
{
        const char *start = *rest;
        const char *stop = memchr(start, separator, (size_t)(end - start));

        *rest = stop != NULL ? stop + 1 : NULL;
        return (struct span){ start, (size_t)((stop != NULL ? stop : end) - start) };
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* digits [. digits] [e [+|-] digits]: what strtod reads, less what depends on the locale. */
static bool read_decimal(struct span span, double *out)
{
        const char *at = span.text, *end = span.text + span.length;
        double      value = 0;
        int         scale = 0, exponent = 0;
        bool        is_negative = false;

        if (at == end || !is_digit(*at))
                return false;
        for (; at < end && is_digit(*at); at++)
                value = value * 10 + (*at - '0');
        if (at < end && *at == '.') {
                if (++at == end || !is_digit(*at))
                        return false;
                for (; at < end && is_digit(*at); at++, scale--)
                        value = value * 10 + (*at - '0');
        }
        if (at < end && *at == 'e') {
                at++;
                if (at < end && (*at == '+' || *at == '-'))
                        is_negative = *at++ == '-';
                if (at == end)
                        return false;
                for (; at < end && is_digit(*at) && exponent < 1000; at++)
                        exponent = exponent * 10 + (*at - '0');
        }
        scale += is_negative ? -exponent : exponent;
        for (; scale > 0 && value != 0 && value < 1e300; scale--)
                value *= 10;
        for (; scale < 0 && value != 0; scale++)
                value /= 10;
        *out = value;
        return at == end;
}

static bool read_number(struct span span, double least, double most, double *out)
{
        double value;

        if (span.length > 32 || !read_decimal(span, &value) || !(value >= least && value <= most))
                return false;
        *out = value;
        return true;
}

static bool read_whole(struct span span, uint64_t least, uint64_t most, uint64_t *out)
{
        uint64_t value = 0;

        if (span.length == 0)
                return false;
        for (size_t i = 0; i < span.length; i++) {
                if (!is_digit(span.text[i]) || __builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(span.text[i] - '0'), &value))
                        return false;
        }
        *out = value;
        return value >= least && value <= most;
}

static bool read_choice(struct span span, const char *no, const char *yes, bool *out)
{
        *out = span_is(span, yes);
        return *out || span_is(span, no);
}

/* Microseconds, up to an hour, to nanoseconds. */
static bool read_microseconds(struct span span, uint64_t *out)
{
        double value;

        if (!read_number(span, 0, 3.6e9, &value))
                return false;
        *out = (uint64_t)(value * 1e3 + 0.5);
        return true;
}

/* A memory size is a number such as 1e9, from 4 KiB to 1 EB. */
static bool read_bytes(struct span span, uint64_t *out)
{
        double value;

        if (!read_number(span, 4096, 1e18, &value))
                return false;
        *out = (uint64_t)value;
        return true;
}

/* softmax+linear+... */
static bool read_operators(struct span span, uint32_t *out)
{
        const char *rest = span.text, *end = span.text + span.length;
        uint32_t    set = 0;

        while (rest != NULL) {
                struct span name = take_part(&rest, end, '+');
                uint32_t    op = 0;

                while (op < TRIB__OP_COUNT && !span_is(name, trib__op_name((enum trib__op)op)))
                        op++;
                if (op == TRIB__OP_COUNT)
                        return false;
                set |= UINT32_C(1) << op;
        }
        *out = set;
        return true;
}

/* 1 if the value is right, 0 if it is wrong, -1 if there is no such key. Timing and capacity. */
static int read_model_key(struct span key, struct span value, struct trib__sim_options *out)
{
        uint64_t whole;

        if (span_is(key, "queues")) {
                if (!read_whole(value, 1, TRIB__SIM_MAX_QUEUES, &whole))
                        return 0;
                out->executors = (uint32_t)whole;
                return 1;
        }
        if (span_is(key, "launch_us"))
                return read_microseconds(value, &out->launch_ns);
        if (span_is(key, "flops"))
                return read_number(value, 1, 1e24, &out->flops);
        if (span_is(key, "bandwidth"))
                return read_number(value, 1, 1e24, &out->bandwidth);
        if (span_is(key, "copy_bandwidth"))
                return read_number(value, 1, 1e24, &out->copy_bandwidth);
        if (span_is(key, "serial"))
                return read_operators(value, &out->serial_ops);
        if (span_is(key, "memory"))
                return read_bytes(value, &out->memory_bytes);
        return -1;
}

/* As above: what a request costs beside its steps. */
static int read_overhead_key(struct span key, struct span value, struct trib__sim_options *out)
{
        uint64_t whole;

        if (span_is(key, "lock_us"))
                return read_microseconds(value, &out->lock_ns);
        if (span_is(key, "wake_us"))
                return read_microseconds(value, &out->wake_ns);
        if (span_is(key, "host_us"))
                return read_microseconds(value, &out->host_ns);
        if (span_is(key, "host_cores")) {
                if (!read_whole(value, 0, TRIB__SIM_MAX_QUEUES, &whole))
                        return 0;
                out->host_cores = (uint32_t)whole;
                return 1;
        }
        if (span_is(key, "total_bandwidth"))
                return read_number(value, 1, 1e24, &out->total_bandwidth);
        if (span_is(key, "transfers"))
                return read_choice(value, "0", "1", &out->is_transferred);
        return -1;
}

/* As above: behaviour and faults. */
static int read_behaviour_key(struct span key, struct span value, struct trib__sim_options *out)
{
        if (span_is(key, "clock"))
                return read_choice(value, "real", "scripted", &out->is_scripted);
        if (span_is(key, "compute"))
                return read_choice(value, "none", "ref", &out->is_computed);
        if (span_is(key, "unified"))
                return read_choice(value, "0", "1", &out->is_unified);
        if (span_is(key, "delay_us"))
                return read_microseconds(value, &out->delay_ns);
        if (span_is(key, "fail_at"))
                return read_whole(value, 1, UINT64_MAX, &out->fail_at);
        if (span_is(key, "fail_every"))
                return read_whole(value, 1, UINT64_MAX, &out->fail_every);
        if (span_is(key, "hang_at"))
                return read_whole(value, 1, UINT64_MAX, &out->hang_at);
        if (span_is(key, "reorder")) {
                out->is_reordered = true;
                return read_whole(value, 0, UINT64_MAX, &out->seed);
        }
        return -1;
}

static void set_defaults(struct trib__sim_options *out)
{
        *out = (struct trib__sim_options){
                .executors = 4,
                .flops = 1e11,
                .bandwidth = 1e10,
                .copy_bandwidth = 1e10,
                .launch_ns = 5000,
                .memory_bytes = UINT64_C(16000000000),
                .is_computed = true,
        };
}

/* Each preset changes only what it stands for, so that presets and options combine. */
static bool apply_preset(struct span name, struct trib__sim_options *out)
{
        if (span_is(name, "0"))
                return true;
        if (span_is(name, "fast")) {
                out->executors = TRIB__SIM_MAX_QUEUES;
                out->launch_ns = 0;
                out->flops = out->bandwidth = out->copy_bandwidth = 1e18;
        } else if (span_is(name, "gpu")) {
                out->executors = 16;
                out->launch_ns = 2500;
                out->flops = 4e12;
                out->bandwidth = 1.5e11;
                out->copy_bandwidth = 2.5e10;
        } else if (span_is(name, "serial")) {
                out->serial_ops = UINT32_C(1) << TRIB__OP_LINEAR | UINT32_C(1) << TRIB__OP_MATMUL |
                                  UINT32_C(1) << TRIB__OP_SOFTMAX;
        } else if (span_is(name, "slow")) {
                out->executors = 1;
                out->launch_ns = 100000;
                out->flops = out->bandwidth = out->copy_bandwidth = 1e9;
        } else {
                return false;
        }
        return true;
}

trib_status trib__sim_options_read(const char *text, struct trib__sim_options *out,
                                   trib_error *err)
{
        const char *rest = text, *end = text + strlen(text);

        set_defaults(out);
        if (*text == '\0')
                return TRIB_OK;
        while (rest != NULL) {
                struct span part = take_part(&rest, end, ',');
                const char *value_at = part.text;
                struct span key = take_part(&value_at, part.text + part.length, '=');
                struct span value = { value_at, 0 };
                int         shown = part.length > SHOWN ? SHOWN : (int)part.length;
                int         found;

                if (value_at == NULL) {
                        if (apply_preset(part, out))
                                continue;
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "sim: no preset '%.*s'; there are " KNOWN_PRESETS
                                          ", and options KEY=VALUE",
                                          shown, part.text);
                }
                value.length = (size_t)(part.text + part.length - value_at);
                found = read_model_key(key, value, out);
                if (found < 0)
                        found = read_overhead_key(key, value, out);
                if (found < 0)
                        found = read_behaviour_key(key, value, out);
                if (found < 0)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "sim: no option '%.*s'; there are " KNOWN_KEYS, shown,
                                          part.text);
                if (found == 0)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "sim: '%.*s' has a value out of range or not of its "
                                          "kind; see docs/simulated-device.md",
                                          shown, part.text);
        }
        return TRIB_OK;
}
