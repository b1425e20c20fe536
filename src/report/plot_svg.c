/* SPDX-License-Identifier: Apache-2.0 */
/* plot_svg.c: gnuplot's SVG as a part of a page. It is read strictly and written anew: elements and
 * attributes that a picture needs, and nothing else, whatever the program that was found under the
 * name gnuplot may print. The root element becomes ours, with the size only; fonts are dropped, so
 * that the page's own hold; ids get a prefix; colours become variables of the page's style sheet,
 * or currentColor.
 *
 *     <g ...>  groups are written when something stands in them, or not at all
 *
 * A *tag* is what stands between < and >. Holds no state. */
#include <stdlib.h>
#include <string.h>

#include "report/plot_priv.h"

#define DEPTH_MAX 32
#define ATTRIBUTES_MAX 24
#define SVG_BYTES_MAX ((size_t)4 << 20)

struct span {
        const char *text;
        size_t      length;
};

struct attribute {
        struct span name, value;
};

struct tag {
        struct span      name;
        bool             is_end, is_empty; /* </a>, <a/> */
        struct attribute attributes[ATTRIBUTES_MAX];
        size_t           count;
};

struct reader {
        const char *at, *end;
};

struct element {
        struct span name;
        bool        is_kept;
        bool        is_written; /* its start tag is */
        struct tag  tag;        /* of a group that waits */
};

struct cleaner {
        struct reader  reader;
        const char    *prefix;
        FILE          *out;
        struct element open[DEPTH_MAX];
        size_t         depth;
        size_t         dropped; /* how deep inside of an element that is not kept */
        bool           has_root;
};

static bool is_name(struct span span, const char *name)
{
        return span.length == strlen(name) && memcmp(span.text, name, span.length) == 0;
}

static bool is_one_of(struct span span, const char *const *names)
{
        for (; *names != NULL; names++)
                if (is_name(span, *names))
                        return true;
        return false;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct reader *reader)
{
        while (reader->at < reader->end && is_blank(*reader->at))
                reader->at++;
}

static struct span take_name(struct reader *reader)
{
        struct span name = { reader->at, 0 };

        while (reader->at < reader->end
               && ((*reader->at >= 'a' && *reader->at <= 'z')
                   || (*reader->at >= 'A' && *reader->at <= 'Z')
                   || (*reader->at >= '0' && *reader->at <= '9') || *reader->at == ':'
                   || *reader->at == '-' || *reader->at == '_'))
                reader->at++;
        name.length = (size_t)(reader->at - name.text);
        return name;
}

static bool take_attribute(struct reader *reader, struct attribute *out)
{
        const char *closing;
        char        quote;

        out->name = take_name(reader);
        skip_blanks(reader);
        if (out->name.length == 0 || reader->at == reader->end || *reader->at++ != '=')
                return false;
        skip_blanks(reader);
        if (reader->at == reader->end || (*reader->at != '"' && *reader->at != '\''))
                return false;
        quote = *reader->at++;
        closing = memchr(reader->at, quote, (size_t)(reader->end - reader->at));
        if (closing == NULL)
                return false;
        out->value = (struct span){ reader->at, (size_t)(closing - reader->at) };
        reader->at = closing + 1;
        return true;
}

/* What stands between < and >; the reader is behind the <. */
static bool take_tag(struct reader *reader, struct tag *tag)
{
        memset(tag, 0, sizeof(*tag));
        if (reader->at < reader->end && *reader->at == '/') {
                tag->is_end = true;
                reader->at++;
        }
        tag->name = take_name(reader);
        if (tag->name.length == 0)
                return false;
        for (;;) {
                skip_blanks(reader);
                if (reader->at == reader->end)
                        return false;
                if (*reader->at == '>') {
                        reader->at++;
                        return true;
                }
                if (*reader->at == '/' && reader->at + 1 < reader->end && reader->at[1] == '>') {
                        tag->is_empty = true;
                        reader->at += 2;
                        return !tag->is_end;
                }
                if (tag->is_end || tag->count == ATTRIBUTES_MAX
                    || !take_attribute(reader, &tag->attributes[tag->count++]))
                        return false;
        }
}

/* Numbers, names and path data; no markup, no address, no function call but rgb and transforms. */
static bool is_harmless(struct span value)
{
        for (size_t i = 0; i < value.length; i++) {
                char c = value.text[i];

                if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                      || is_blank(c) || (c != '\0' && strchr(".,-+()%#", c) != NULL)))
                        return false;
        }
        for (size_t i = 0; i + 3 < value.length; i++)
                if ((value.text[i] | 32) == 'u' && (value.text[i + 1] | 32) == 'r'
                    && (value.text[i + 2] | 32) == 'l')
                        return false;
        return true;
}

/* Path data over several lines as one. */
static void put_value(FILE *out, struct span value)
{
        bool is_gap = false;

        for (size_t i = 0; i < value.length; i++) {
                if (is_blank(value.text[i])) {
                        is_gap = true;
                        continue;
                }
                if (is_gap && i > 0)
                        (void)fputc(' ', out);
                is_gap = false;
                (void)fputc(value.text[i], out);
        }
}

/* rgb(1,0,k) is our colour k; what else there is comes from gnuplot's own defaults. */
static void put_color(FILE *out, struct span value)
{
        char     text[40] = "";
        unsigned k;

        if (value.length < sizeof(text))
                memcpy(text, value.text, value.length);
        if (sscanf(text, "rgb( %*1[1] , %*1[0] , %2u", &k) == 1 && k >= 1
            && k <= TRIB__COLOR_LAST)
                (void)fprintf(out, "var(--c%u)", k);
        else if (strcmp(text, "none") == 0)
                (void)fputs("none", out);
        else if (strcmp(text, "white") == 0)
                (void)fprintf(out, "var(--c%d)", TRIB__COLOR_PAPER);
        else
                (void)fputs("currentColor", out);
}

static void put_attribute(const struct cleaner *cleaner, const struct attribute *attribute)
{
        static const char *const plain[] = { "d", "points", "x", "y", "width", "height", "cx",
                "cy", "r", "x1", "y1", "x2", "y2", "transform", "fill-opacity", "stroke-opacity",
                "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-dasharray",
                "text-anchor", "font-size", NULL };
        static const char *const colors[] = { "fill", "stroke", NULL };
        FILE       *out = cleaner->out;
        struct span value = attribute->value;
        bool        is_black = is_name(value, "black");

        if (!is_harmless(value))
                return;
        if (is_one_of(attribute->name, plain)) {
                (void)fprintf(out, " %.*s=\"", (int)attribute->name.length, attribute->name.text);
                put_value(out, value);
        } else if (is_one_of(attribute->name, colors)) {
                (void)fprintf(out, " %.*s=\"", (int)attribute->name.length, attribute->name.text);
                put_color(out, value);
        } else if (is_name(attribute->name, "color") && !is_black) {
                /* `color` itself takes a variable; black is the page's own, inherited. */
                (void)fputs(" color=\"", out);
                put_color(out, value);
        } else if (is_name(attribute->name, "id")) {
                (void)fprintf(out, " id=\"%s-%.*s", cleaner->prefix, (int)value.length,
                              value.text);
        } else if (is_name(attribute->name, "xlink:href") && value.length > 1
                   && value.text[0] == '#') {
                (void)fprintf(out, " href=\"#%s-%.*s", cleaner->prefix, (int)value.length - 1,
                              value.text + 1);
        } else {
                return;
        }
        (void)fputc('"', out);
}

static void put_tag(const struct cleaner *cleaner, const struct tag *tag)
{
        (void)fprintf(cleaner->out, "<%.*s", (int)tag->name.length, tag->name.text);
        for (size_t i = 0; i < tag->count; i++)
                put_attribute(cleaner, &tag->attributes[i]);
        (void)fputs(tag->is_empty ? "/>" : ">", cleaner->out);
}

/* The groups that wait for their first content. */
static void flush_groups(struct cleaner *cleaner)
{
        for (size_t i = 0; i < cleaner->depth; i++) {
                struct element *element = &cleaner->open[i];

                if (element->is_kept && !element->is_written)
                        put_tag(cleaner, &element->tag);
                element->is_written = true;
        }
}

/* The root: its size from the view box, which it must have. */
static bool begin_root(struct cleaner *cleaner, const struct tag *tag)
{
        for (size_t i = 0; i < tag->count; i++) {
                const struct attribute *attribute = &tag->attributes[i];

                if (!is_name(attribute->name, "viewBox") || !is_harmless(attribute->value))
                        continue;
                (void)fputs("<svg viewBox=\"", cleaner->out);
                put_value(cleaner->out, attribute->value);
                (void)fputs("\" aria-hidden=\"true\" focusable=\"false\">", cleaner->out);
                cleaner->has_root = true;
                return true;
        }
        return false;
}

static bool begin_element(struct cleaner *cleaner, const struct tag *tag)
{
        static const char *const kept[] = { "g", "path", "circle", "rect", "polygon", "polyline",
                                            "line", "text", "tspan", "use", "defs", NULL };
        struct element *element;

        if (cleaner->dropped > 0 || !is_one_of(tag->name, kept)) {
                if (!cleaner->has_root && is_name(tag->name, "svg")) {
                        if (cleaner->depth > 0 || !begin_root(cleaner, tag))
                                return false;
                        cleaner->open[cleaner->depth++] =
                                (struct element){ .name = tag->name, .is_kept = true,
                                                  .is_written = true };
                        return !tag->is_empty;
                }
                cleaner->dropped += !tag->is_empty;
                return cleaner->has_root;
        }
        if (!cleaner->has_root || cleaner->depth == DEPTH_MAX)
                return false;
        if (tag->is_empty) {
                flush_groups(cleaner);
                put_tag(cleaner, tag);
                return true;
        }
        element = &cleaner->open[cleaner->depth++];
        *element = (struct element){ .name = tag->name, .is_kept = true, .tag = *tag };
        if (!is_name(tag->name, "g"))
                flush_groups(cleaner);
        return true;
}

static bool end_element(struct cleaner *cleaner, const struct tag *tag)
{
        struct element *element;

        if (cleaner->dropped > 0) {
                cleaner->dropped--;
                return true;
        }
        if (cleaner->depth == 0)
                return false;
        element = &cleaner->open[--cleaner->depth];
        if (element->name.length != tag->name.length
            || memcmp(element->name.text, tag->name.text, tag->name.length) != 0)
                return false;
        if (element->is_written)
                (void)fprintf(cleaner->out, "</%.*s>", (int)tag->name.length, tag->name.text);
        return true;
}

/* One character of text. An ampersand that begins no entity of XML stands for itself. */
static void put_character(FILE *out, const char *at, const char *end)
{
        static const char *const entities[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;",
                                                "&apos;", NULL };

        if (*at == '>') {
                (void)fputs("&gt;", out);
                return;
        }
        for (size_t i = 0; *at == '&' && entities[i] != NULL; i++)
                if ((size_t)(end - at) >= strlen(entities[i])
                    && memcmp(at, entities[i], strlen(entities[i])) == 0) {
                        (void)fputc('&', out);
                        return;
                }
        if (*at == '&')
                (void)fputs("&amp;", out);
        else
                (void)fputc(*at, out);
}

/* Text up to the next tag; blanks between elements are left out. */
static bool take_text(struct cleaner *cleaner)
{
        struct reader *reader = &cleaner->reader;
        const char    *from = reader->at;
        bool           is_text = cleaner->depth > 0 && cleaner->dropped == 0
                       && (is_name(cleaner->open[cleaner->depth - 1].name, "text")
                           || is_name(cleaner->open[cleaner->depth - 1].name, "tspan"));

        while (reader->at < reader->end && *reader->at != '<') {
                if ((unsigned char)*reader->at < ' ' && !is_blank(*reader->at))
                        return false;
                reader->at++;
        }
        for (const char *c = from; is_text && c < reader->at; c++)
                put_character(cleaner->out, c, reader->at);
        return true;
}

/* <?xml ...?>, <!DOCTYPE ...>, comments: over. */
static bool skip_declaration(struct reader *reader)
{
        const char *closing = memchr(reader->at, '>', (size_t)(reader->end - reader->at));

        if (closing == NULL)
                return false;
        reader->at = closing + 1;
        return true;
}

bool trib__svg_clean(const char *bytes, size_t size, const char *prefix, FILE *stream)
{
        struct cleaner cleaner = { .reader = { bytes, bytes + size }, .prefix = prefix,
                                   .out = stream };
        struct reader *reader = &cleaner.reader;
        bool           is_good = size <= SVG_BYTES_MAX;

        while (is_good && reader->at < reader->end) {
                struct tag tag;

                if (*reader->at != '<') {
                        is_good = take_text(&cleaner);
                        continue;
                }
                reader->at++;
                if (reader->at < reader->end && (*reader->at == '?' || *reader->at == '!')) {
                        is_good = skip_declaration(reader);
                        continue;
                }
                is_good = take_tag(reader, &tag);
                if (is_good)
                        is_good = tag.is_end ? end_element(&cleaner, &tag)
                                             : begin_element(&cleaner, &tag);
        }
        return is_good && cleaner.has_root && cleaner.depth == 0 && cleaner.dropped == 0;
}
