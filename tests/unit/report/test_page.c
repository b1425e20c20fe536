/* SPDX-License-Identifier: Apache-2.0 */
/* The page and its pictures: texts are escaped, what gnuplot printed is taken apart and written
 * anew, scripts hold no name that could be a command, folders are written whole, and text plots
 * keep within their terminal. */
#include <dirent.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/measured.h"

#include "report/plot_priv.h"
#include "report/report.h"
#include "report/terminal.h"

static char *text_of(const char *raw)
{
        char  *text = NULL;
        size_t size;
        FILE  *stream = open_memstream(&text, &size);

        assert_non_null(stream);
        trib__html_text(stream, raw);
        assert_int_equal(fclose(stream), 0);
        return text;
}

static void assert_text(const char *raw, const char *expected)
{
        char *text = text_of(raw);

        assert_string_equal(text, expected);
        free(text);
}

static void html_text_escapes_markup_and_mends_what_is_no_text(void **state)
{
        (void)state;
        assert_text("a <b> & \"c\" 'd'", "a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
        assert_text("2048->1024 \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80",
                    "2048-&gt;1024 \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80");
        /* Alone, cut short, too long, surrogate, beyond the last one, control, reversing. */
        assert_text("\x80", "\xEF\xBF\xBD");
        assert_text("x\xE2\x82", "x\xEF\xBF\xBD\xEF\xBF\xBD");
        assert_text("\xC0\xBC", "\xEF\xBF\xBD\xEF\xBF\xBD");
        assert_text("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
        assert_text("\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
        assert_text("\x01\x7F", "\xEF\xBF\xBD\xEF\xBF\xBD");
        assert_text("\xE2\x80\xAE", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

/* The cleaned SVG, to be freed; NULL: it was refused. */
static char *cleaned(const char *svg)
{
        char  *text = NULL;
        size_t size;
        FILE  *stream = open_memstream(&text, &size);
        bool   is_good;

        assert_non_null(stream);
        is_good = trib__svg_clean(svg, strlen(svg), "p", stream);
        assert_int_equal(fclose(stream), 0);
        if (is_good)
                return text;
        free(text);
        return NULL;
}

static void assert_cleaned(const char *svg, const char *expected)
{
        char *text = cleaned(svg);

        assert_non_null(text);
        assert_string_equal(text, expected);
        free(text);
}

#define ROOT "<svg viewBox=\"0 0 9 9\" aria-hidden=\"true\" focusable=\"false\">"

static void svg_keeps_what_draws_and_maps_its_colours(void **state)
{
        (void)state;
        assert_cleaned("<?xml version=\"1.0\"?>\n<!DOCTYPE svg>\n"
                       "<svg width='9' viewBox='0 0 9 9' xmlns='http://www.w3.org/2000/svg'>\n"
                       "<title>Gnuplot</title>\n<g color=\"black\" stroke='rgb(  1,   0,  20)'>"
                       "\n\t<path d='M0,1\n\t\tL2,3 '/></g>\n<g></g><g fill='white'></g>"
                       "<use xlink:href='#a'/><rect id='a' fill='rgb(2,0,1)'/>"
                       "<g fill='rgb(1,0,3)' font-family=\"Arial\">"
                       "<text>a > b &lt; c & d</text></g>"
                       "</svg>\n",
                       ROOT "<g stroke=\"var(--c20)\"><path d=\"M0,1 L2,3\"/></g>"
                            "<use href=\"#p-a\"/><rect id=\"p-a\" fill=\"currentColor\"/>"
                            "<g fill=\"var(--c3)\"><text>a &gt; b &lt; c &amp; d</text></g></svg>");
}

static void svg_drops_what_could_act(void **state)
{
        (void)state;
        assert_cleaned("<svg viewBox=\"0 0 9 9\" onload=\"alert(1)\"><script>alert(2)</script>"
                       "<a href=\"javascript:alert(3)\"><text>lost</text></a>"
                       "<image href=\"http://example.org/x\"/><style>*{}</style>"
                       "<foreignObject><iframe src=\"x\"/></foreignObject>"
                       "<rect x=\"1\" style=\"color:red\" fill=\"url(http://example.org)\" "
                       "onclick=\"x\" transform=\"Url(x)\"/></svg>",
                       ROOT "<rect x=\"1\"/></svg>");
}

static void svg_that_is_none_is_refused(void **state)
{
        static const char *const broken[] = {
                "", "rubbish", "<g></g>", "<svg>", "<svg></svg>",
                "<svg viewBox='0 0 1 1'><g></svg>",
                "<svg viewBox='0 0 1 1'><g></g>", "<svg viewBox='0 0 1 1'></g></svg>",
                "<svg viewBox='0 0 1 1'><rect x=1/></svg>",
                "<svg viewBox='0 0 1 1'><rect x='1></svg>", "<svg viewBox='0 0 1 1'><",
                "<svg viewBox='0 0 1 1'><text>a\x01</text></svg>",
                "<svg viewBox='0 0 1 1'></svg><svg viewBox='0 0 1 1'>",
                "<svg viewBox='\"><script>'></svg>",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
                if (cleaned(broken[i]) != NULL)
                        fail_msg("taken for SVG: %s", broken[i]);
}

static char *quoted(const char *raw, size_t most)
{
        char  *text = NULL;
        size_t size;
        FILE  *stream = open_memstream(&text, &size);

        assert_non_null(stream);
        trib__plot_quoted(stream, raw, most);
        assert_int_equal(fclose(stream), 0);
        return text;
}

static void names_in_scripts_end_no_string(void **state)
{
        static const struct {
                const char *raw, *expected;
                size_t      most;
        } cases[] = {
                { "'; system 'x", "'\xE2\x80\x99; system \xE2\x80\x99x'", 99 },
                { "a\nb\\", "'a?b\\'", 99 },
                { "\xFF\xC3", "'?" "?'", 99 },
                { "\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F" "abc", "'\xC3\xA4\xC3\xB6...'", 5 },
                { "abcde", "'abcde'", 5 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char *text = quoted(cases[i].raw, cases[i].most);

                assert_string_equal(text, cases[i].expected);
                free(text);
        }
}

static struct trib__results *measured_results(void)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep;

        sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                               { { 1, 0 }, { 2, 0 }, { 4, 0 }, { 8, 0 }, { 16, 0 } });
        strcpy(results->device.name, "cpu:0 </script>");
        for (size_t i = 0; i < sweep->point_count; i++) {
                struct trib__point *point = &sweep->points[i];
                double              n = point->threads, x = 1000 * n / (1 + 0.1 * (n - 1));

                MEASURED_ROUNDS(sweep, point->threads, x * 1.01, x * 0.99, x);
                point->latency_us = (struct trib__latency_us){ 1e6 * n / x, 900, 1000, 1500,
                                                               3000, 5000 };
                assert_int_equal(trib__point_add_share(point, "device", 6e5 * n / x, NULL), 0);
                assert_int_equal(trib__point_add_share(point, "<queue>", 4e5 * n / x, NULL), 0);
        }
        for (int i = 1; i <= 2; i++) {
                sweep = MEASURED_SWEEP(results, TRIB__SWEEP_SIZES, { { 1, 50 }, { 8, 200 } });
                sweep->workload.batch = i;
        }
        measured_conclude(results);
        return results;
}

static void scripts_are_made_of_each_kind_in_two_widths(void **state)
{
        static const enum trib__figure expected[] = { TRIB__FIGURE_THROUGHPUT,
                                                      TRIB__FIGURE_LATENCY, TRIB__FIGURE_SHARES,
                                                      TRIB__FIGURE_SIZES };
        struct trib__results *results = measured_results();
        struct trib__plots    plots;

        (void)state;
        assert_int_equal(trib__plots_create(results, &plots, NULL), TRIB_OK);
        assert_int_equal(plots.count, 4);
        for (size_t i = 0; i < plots.count; i++) {
                const struct trib__plot *plot = &plots.items[i];

                assert_int_equal(plot->figure, expected[i]);
                assert_true(plot->caption[0] != '\0' && plot->legend_count > 0);
                assert_true(strlen(plot->alt) > 30);
                assert_non_null(strstr(plot->scripts[TRIB__PLOT_WIDE], "size 720,"));
                assert_non_null(strstr(plot->scripts[TRIB__PLOT_NARROW], "size 360,"));
                for (int width = 0; width < TRIB__PLOT_WIDTHS; width++) {
                        assert_non_null(strstr(plot->scripts[width], "\nplot "));
                        assert_null(strstr(plot->scripts[width], "inf"));
                        assert_null(strstr(plot->scripts[width], "nan"));
                }
        }
        trib__plots_release(&plots);
        trib__results_destroy(results);
}

static char *page_of(const struct trib__results *results, const struct trib__plots *plots)
{
        char  *text = NULL;
        size_t size;
        FILE  *stream = open_memstream(&text, &size);

        assert_non_null(stream);
        assert_int_equal(trib__report_html(results, plots, stream, NULL), TRIB_OK);
        assert_int_equal(fclose(stream), 0);
        return text;
}

static void page_holds_the_pictures_and_no_markup_of_others(void **state)
{
        static const char     svg[] = "<svg viewBox='0 0 9 9'><rect x='1'/></svg>";
        struct trib__results *results = measured_results();
        struct trib__plots    plots;
        char                 *page;

        (void)state;
        assert_int_equal(trib__plots_create(results, &plots, NULL), TRIB_OK);
        assert_int_equal(trib__plots_take_svg(&plots, 0, TRIB__PLOT_WIDE, svg, strlen(svg), NULL),
                         TRIB_OK);
        assert_int_equal(trib__plots_take_svg(&plots, 0, TRIB__PLOT_NARROW, "<", 1, NULL),
                         TRIB_INVALID_ARGUMENT);
        strcpy(plots.missing, "some are <missing>");
        page = page_of(results, &plots);
        assert_non_null(strstr(page, "<div class=\"wide\">" ROOT "<rect x=\"1\"/></svg></div>"));
        assert_null(strstr(page, "class=\"narrow\""));
        assert_non_null(strstr(page, "some are &lt;missing&gt;"));
        assert_non_null(strstr(page, "cpu:0 &lt;/script&gt;"));
        assert_null(strstr(page, "</script>"));
        assert_null(strstr(page, "<queue>"));
        assert_true(strstr(page, "In production") < strstr(page, "<figure>"));
        free(page);
        page = page_of(results, NULL);
        assert_null(strstr(page, "<figure>"));
        free(page);
        trib__plots_release(&plots);
        trib__results_destroy(results);
}

static void page_of_nothing_is_a_page(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__plots    plots;
        char                 *page;

        (void)state;
        measured_conclude(results);
        assert_int_equal(trib__plots_create(results, &plots, NULL), TRIB_OK);
        assert_int_equal(plots.count, 0);
        page = page_of(results, &plots);
        assert_non_null(strstr(page, "</html>"));
        free(page);
        trib__plots_release(&plots);
        trib__results_destroy(results);
}

static size_t files_in(const char *folder)
{
        DIR   *entries = opendir(folder);
        size_t count = 0;

        assert_non_null(entries);
        for (const struct dirent *entry = readdir(entries); entry != NULL;
             entry = readdir(entries))
                count += entry->d_name[0] != '.';
        (void)closedir(entries);
        return count;
}

static void remove_files(const char *folder)
{
        static const char *const names[] = { "results.json", "tables.csv", "report.md",
                                             "report.html" };
        char path[300];

        for (size_t i = 0; i < 4; i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                (void)unlink(path);
        }
        assert_int_equal(rmdir(folder), 0);
}

static void folder_is_written_whole_or_not_at_all(void **state)
{
        struct trib__results *results = measured_results();
        char                  folder[] = "page-test-XXXXXX", path[64], blocked[64];
        struct stat           facts;

        (void)state;
        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof(path), "%s/new/", folder);
        assert_true(trib__report_is_folder(path) && trib__report_is_folder(folder));
        assert_int_equal(trib__report_check_folder(path, NULL), TRIB_OK);
        assert_int_equal(stat(path, &facts), -1);
        assert_int_equal(trib__report_write_folder(results, NULL, path, NULL), TRIB_OK);
        assert_int_equal(files_in(path), 4);
        assert_int_equal(trib__report_write_folder(results, NULL, path, NULL), TRIB_OK);
        remove_files(path);
        /* One of the four cannot be: none is. */
        (void)snprintf(blocked, sizeof(blocked), "%s/report.html", folder);
        assert_int_equal(mkdir(blocked, 0777), 0);
        assert_int_equal(trib__report_check_folder(folder, NULL), TRIB_IO);
        assert_int_equal(trib__report_write_folder(results, NULL, folder, NULL), TRIB_IO);
        assert_int_equal(files_in(folder), 1);
        assert_int_equal(rmdir(blocked), 0);
        assert_int_equal(rmdir(folder), 0);
        assert_int_equal(trib__report_check_folder("/dev/null/x/", NULL), TRIB_IO);
        assert_int_equal(trib__report_check_folder("nowhere/x/", NULL), TRIB_NOT_FOUND);
        trib__results_destroy(results);
}

static char *terminal_text(const struct trib__results *results, struct trib__terminal terminal)
{
        char  *text = NULL;
        size_t size;
        FILE  *stream = open_memstream(&text, &size);

        assert_non_null(stream);
        assert_int_equal(trib__report_terminal(results, &terminal, stream, NULL), TRIB_OK);
        assert_int_equal(fclose(stream), 0);
        return text;
}

/* Characters of the longest line; what begins no character is none. */
static size_t longest(const char *text)
{
        size_t most = 0, length = 0;

        for (; *text != '\0'; text++) {
                length = *text == '\n' ? 0 : length + (((unsigned char)*text & 0xC0) != 0x80);
                most = length > most ? length : most;
        }
        return most;
}

static void text_plots_fit_their_terminal_and_heed_its_means(void **state)
{
        struct trib__results *results = measured_results();
        char                 *text;

        (void)state;
        text = terminal_text(results, (struct trib__terminal){ 80, false, false });
        assert_in_range(longest(text), 70, 80);
        for (const char *c = text; *c != '\0'; c++)
                assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
        assert_non_null(strstr(text, "o measured"));
        free(text);
        text = terminal_text(results, (struct trib__terminal){ 200, true, false });
        assert_true(longest(text) <= 200);
        assert_null(strchr(text, '\033'));
        assert_non_null(strstr(text, "\xE2\x97\x8F measured"));
        free(text);
        text = terminal_text(results, (struct trib__terminal){ 0, true, true });
        assert_non_null(strstr(text, "\033[38;5;"));
        free(text);
        trib__results_destroy(results);
}

TRIB_TEST_MAIN(TRIB_TEST(html_text_escapes_markup_and_mends_what_is_no_text),
               TRIB_TEST(svg_keeps_what_draws_and_maps_its_colours),
               TRIB_TEST(svg_drops_what_could_act),
               TRIB_TEST(svg_that_is_none_is_refused),
               TRIB_TEST(names_in_scripts_end_no_string),
               TRIB_TEST(scripts_are_made_of_each_kind_in_two_widths),
               TRIB_TEST(page_holds_the_pictures_and_no_markup_of_others),
               TRIB_TEST(page_of_nothing_is_a_page),
               TRIB_TEST(folder_is_written_whole_or_not_at_all),
               TRIB_TEST(text_plots_fit_their_terminal_and_heed_its_means))
