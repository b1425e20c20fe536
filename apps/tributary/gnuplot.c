/* SPDX-License-Identifier: Apache-2.0 */
/* gnuplot.c: one process of gnuplot a plot. It gets its script by its standard input and gives SVG
 * by its standard output: no shell, no file. It reads no start-up file (-d), sees none of our
 * descriptors, and is killed when its time is over or it prints too much; it is always waited for.
 *
 * Its standard input is a socket, so that writing to one that has ended is an error and no signal.
 * Takes no lock. */
#include "gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define PLOT_NS UINT64_C(10000000000)  /* for one plot */
#define ALL_NS UINT64_C(30000000000)   /* for all of them */
#define SVG_BYTES_MAX ((size_t)4 << 20)
#define CHUNK ((size_t)64 << 10)

struct drawing {
        const char *script;
        size_t      left;   /* of the script */
        int         to, from;
        pid_t       process;
        char       *svg;    /* what came so far; to be freed */
        size_t      size, room;
        uint64_t    deadline;
};

static void close_end(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
        *fd = -1;
}

/* The child: our two ends as its standard input and output, nothing as its standard error, signals
 * as a new program expects them. */
static int spawn(struct drawing *drawing, int in, int out)
{
        char        name[] = "gnuplot", no_files[] = "-d", standard_input[] = "-";
        char *const arguments[] = { name, no_files, standard_input, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t          attributes;
        sigset_t                   none, all;
        int                        failed;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return ENOMEM;
        if (posix_spawnattr_init(&attributes) != 0) {
                (void)posix_spawn_file_actions_destroy(&actions);
                return ENOMEM;
        }
        (void)sigemptyset(&none);
        (void)sigfillset(&all);
        failed = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO)
                 | posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)
                 | posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
                                                    0)
                 | posix_spawnattr_setsigmask(&attributes, &none)
                 | posix_spawnattr_setsigdefault(&attributes, &all)
                 | posix_spawnattr_setflags(&attributes,
                                            POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (failed == 0)
                failed = posix_spawnp(&drawing->process, arguments[0], &actions, &attributes,
                                      arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
        (void)posix_spawn_file_actions_destroy(&actions);
        return failed;
}

/* 0, or why not, as errno tells it. */
static int start(struct drawing *drawing)
{
        int in[2], out[2], failed;

        drawing->to = drawing->from = -1;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
                return errno;
        if (pipe2(out, O_CLOEXEC) != 0) {
                failed = errno;
                (void)close(in[0]);
                (void)close(in[1]);
                return failed;
        }
        failed = spawn(drawing, in[1], out[1]);
        (void)close(in[1]);
        (void)close(out[1]);
        drawing->to = in[0];
        drawing->from = out[0];
        (void)fcntl(drawing->to, F_SETFL, O_NONBLOCK);
        (void)fcntl(drawing->from, F_SETFL, O_NONBLOCK);
        if (failed != 0) {
                close_end(&drawing->to);
                close_end(&drawing->from);
        }
        return failed;
}

static void put_some(struct drawing *drawing)
{
        ssize_t put = send(drawing->to, drawing->script, drawing->left, MSG_NOSIGNAL);

        if (put < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (put > 0) {
                drawing->script += put;
                drawing->left -= (size_t)put;
        }
        if (put < 0 || drawing->left == 0)
                close_end(&drawing->to);
}

/* False: it printed too much, or memory is short. */
static bool take_some(struct drawing *drawing)
{
        ssize_t taken;

        if (drawing->room - drawing->size < CHUNK) {
                size_t room = drawing->room == 0 ? 4 * CHUNK : 2 * drawing->room;
                char  *larger = room <= SVG_BYTES_MAX ? realloc(drawing->svg, room) : NULL;

                if (larger == NULL)
                        return false;
                drawing->svg = larger;
                drawing->room = room;
        }
        taken = read(drawing->from, drawing->svg + drawing->size, CHUNK);
        if (taken < 0 && (errno == EAGAIN || errno == EINTR))
                return true;
        if (taken > 0)
                drawing->size += (size_t)taken;
        else
                close_end(&drawing->from);
        return true;
}

/* Write and read until its output ends; false when that did not come in time. */
static bool converse(struct drawing *drawing)
{
        while (drawing->from >= 0) {
                struct pollfd ends[2] = { { drawing->from, POLLIN, 0 },
                                          { drawing->to, POLLOUT, 0 } };
                uint64_t now = trib__now();
                int      ready;

                if (now >= drawing->deadline)
                        return false;
                ready = poll(ends, drawing->to >= 0 ? 2 : 1,
                             (int)((drawing->deadline - now) / 1000000 + 1));
                if (ready < 0 && errno != EINTR)
                        return false;
                if (ready <= 0)
                        continue;
                if (drawing->to >= 0 && ends[1].revents != 0)
                        put_some(drawing);
                if (ends[0].revents != 0 && !take_some(drawing))
                        return false;
        }
        return true;
}

/* Whether it ended by itself and well. It is killed if it did not end its output; one that ended
 * that and goes on is given a moment. */
static bool finish(struct drawing *drawing, bool is_heard)
{
        int  status = 0;
        bool is_killed = !is_heard;

        close_end(&drawing->to);
        close_end(&drawing->from);
        if (is_killed)
                (void)kill(drawing->process, SIGKILL);
        for (;;) {
                pid_t ended = waitpid(drawing->process, &status, is_killed ? 0 : WNOHANG);

                if (ended == drawing->process)
                        return !is_killed && WIFEXITED(status) && WEXITSTATUS(status) == 0;
                if (ended < 0 && errno != EINTR)
                        return false;
                if (ended == 0 && trib__now() >= drawing->deadline) {
                        is_killed = true;
                        (void)kill(drawing->process, SIGKILL);
                } else if (ended == 0) {
                        (void)poll(NULL, 0, 1);
                }
        }
}

/* Draw one picture; false, with the reason, if that failed. *is_absent: there is no gnuplot. */
static bool draw(struct trib__plots *plots, size_t at, enum trib__plot_width width,
                 uint64_t deadline, bool *is_absent, trib_error *err)
{
        const char    *script = plots->items[at].scripts[width];
        struct drawing drawing = { .script = script, .left = strlen(script) };
        int            failed;
        bool           is_heard, is_good;
        trib_status    status = TRIB_OK;

        drawing.deadline = trib__now() + PLOT_NS;
        if (drawing.deadline > deadline)
                drawing.deadline = deadline;
        failed = start(&drawing);
        *is_absent = failed == ENOENT || failed == EACCES;
        if (failed != 0) {
                char text[96];

                (void)trib__fail(err, TRIB_SYSTEM, "it could not be started: %s",
                                 trib__errno_text(failed, text, sizeof(text)));
                return false;
        }
        is_heard = converse(&drawing);
        is_good = finish(&drawing, is_heard);
        if (!is_good && trib__now() >= drawing.deadline)
                status = trib__fail(err, TRIB_TIMED_OUT, "it took too long and was ended");
        else if (!is_good)
                status = trib__fail(err, TRIB_SYSTEM, "it failed");
        else
                status = trib__plots_take_svg(plots, at, width, drawing.svg, drawing.size, err);
        free(drawing.svg);
        return status == TRIB_OK;
}

static void drop(struct trib__plot *plot)
{
        for (int width = 0; width < TRIB__PLOT_WIDTHS; width++) {
                free(plot->svg[width]);
                plot->svg[width] = NULL;
        }
}

void trib_gnuplot_draw(struct trib__plots *plots)
{
        uint64_t deadline = trib__now() + ALL_NS;
        size_t   undrawn = 0;
        char     reason[160] = "";

        for (size_t i = 0; i < plots->count; i++) {
                bool       is_drawn = true, is_absent = false;
                trib_error err = TRIB_ERROR_INIT;

                for (enum trib__plot_width width = 0; width < TRIB__PLOT_WIDTHS && is_drawn;
                     width++)
                        is_drawn = draw(plots, i, width, deadline, &is_absent, &err);
                if (is_absent) {
                        (void)snprintf(plots->missing, sizeof(plots->missing),
                                       "The plots are left out: gnuplot was not found. Install it "
                                       "(on Debian and Ubuntu: apt install gnuplot-nox), and "
                                       "'tributary advise results.json --out FOLDER/' draws them "
                                       "from what was measured.");
                        return;
                }
                if (is_drawn)
                        continue;
                drop(&plots->items[i]);
                undrawn++;
                if (reason[0] == '\0')
                        (void)snprintf(reason, sizeof(reason), "%.150s", err.message);
                /* The others would hang as well. */
                if (err.status == TRIB_TIMED_OUT) {
                        undrawn += plots->count - i - 1;
                        break;
                }
        }
        if (undrawn > 0)
                (void)snprintf(plots->missing, sizeof(plots->missing),
                               "%zu of %zu plots are left out: gnuplot: %s.", undrawn,
                               plots->count, reason);
}
