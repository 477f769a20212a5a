/* Line plots as SVG: panels one above the other, each with a frame, a grid at round numbers, axes' names and a legend. */
#include "command.h"

#include <math.h>
#include <string.h>

#define WIDTH 760
#define PANEL_HEIGHT 300
#define LEFT 72
#define RIGHT 24
#define TOP 44
#define BOTTOM 52
#define TITLE_HEIGHT 36
#define MAX_POINTS 1500 /* more are thinned out: the picture has no more columns */

typedef struct axis {
    double low, high, step;
} axis;

/* Round steps of 1, 2 or 5 times a power of ten; about `wanted` of them. */
static double round_step(double range, int wanted)
{
    const double rough = range / wanted, power = pow(10, floor(log10(rough)));
    const double share = rough / power;
    return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

static axis make_axis(double low, double high, int wanted)
{
    if (!(high > low))
        high = low + (fabs(low) > 0 ? fabs(low) : 1);
    const double step = round_step(high - low, wanted);
    return (axis){floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step, step};
}

static void find_range(const plot_panel *panel, bool x, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int s = 0; s < panel->count; s++) {
        const double *values = x ? panel->series[s].x : panel->series[s].y;
        for (int i = 0; i < panel->series[s].count; i++) {
            if (isfinite(values[i])) {
                *low = fmin(*low, values[i]);
                *high = fmax(*high, values[i]);
            }
        }
    }
    if (*low > *high)
        *low = *high = 0;
}

static void print_escaped(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        default:
            fputc(*text, to);
        }
    }
}

static void print_text(FILE *to, double x, double y, const char *attributes, const char *text)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    print_escaped(to, text);
    fputs("</text>\n", to);
}

/* ---- a panel ---- */

typedef struct frame {
    double left, top, width, height;
    axis x, y;
} frame;

static double to_x(const frame *f, double value)
{
    return f->left + (value - f->x.low) / (f->x.high - f->x.low) * f->width;
}

static double to_y(const frame *f, double value)
{
    const double y = f->top + f->height - (value - f->y.low) / (f->y.high - f->y.low) * f->height;
    return fmin(fmax(y, f->top), f->top + f->height);
}

static void print_axes(FILE *to, const frame *f, const plot_panel *panel)
{
    char number[32];
    fprintf(to, "<g stroke=\"#e3e3e3\" stroke-width=\"1\">\n");
    for (int i = 0; i <= (int)lround((f->x.high - f->x.low) / f->x.step); i++)
        fprintf(to, "<path d=\"M%.1f %.1fV%.1f\"/>\n", to_x(f, f->x.low + i * f->x.step), f->top, f->top + f->height);
    for (int i = 0; i <= (int)lround((f->y.high - f->y.low) / f->y.step); i++)
        fprintf(to, "<path d=\"M%.1f %.1fH%.1f\"/>\n", f->left, to_y(f, f->y.low + i * f->y.step), f->left + f->width);
    fputs("</g>\n<g fill=\"#444\" font-size=\"12\">\n", to);
    for (int i = 0; i <= (int)lround((f->x.high - f->x.low) / f->x.step); i++) {
        snprintf(number, sizeof(number), "%.6g", f->x.low + i * f->x.step);
        print_text(to, to_x(f, f->x.low + i * f->x.step), f->top + f->height + 18, "text-anchor=\"middle\"", number);
    }
    for (int i = 0; i <= (int)lround((f->y.high - f->y.low) / f->y.step); i++) {
        const double value = f->y.low + i * f->y.step;
        snprintf(number, sizeof(number), "%.4g", fabs(value) < f->y.step * 1e-6 ? 0 : value);
        print_text(to, f->left - 8, to_y(f, value) + 4, "text-anchor=\"end\"", number);
    }
    fputs("</g>\n", to);
    fprintf(to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#888\"/>\n", f->left, f->top,
            f->width, f->height);
    print_text(to, f->left, f->top - 12, "font-size=\"14\" font-weight=\"600\" fill=\"#222\"", panel->title);
    print_text(to, f->left + f->width / 2, f->top + f->height + 38, "font-size=\"12\" fill=\"#222\" text-anchor=\"middle\"",
               panel->x_label);
    char turned[96];
    snprintf(turned, sizeof(turned), "font-size=\"12\" fill=\"#222\" text-anchor=\"middle\" transform=\"rotate(-90 %.1f %.1f)\"",
             f->left - 50, f->top + f->height / 2);
    print_text(to, f->left - 50, f->top + f->height / 2, turned, panel->y_label);
}

static void print_series(FILE *to, const frame *f, const plot_series *s)
{
    const int stride = s->count > MAX_POINTS ? (s->count + MAX_POINTS - 1) / MAX_POINTS : 1;
    bool drawing = false;
    fprintf(to, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" stroke-linejoin=\"round\" d=\"", s->colour);
    for (int i = 0; i < s->count; i += stride) {
        if (isfinite(s->x[i]) && isfinite(s->y[i]))
            fprintf(to, "%c%.1f %.1f", drawing ? 'L' : 'M', to_x(f, s->x[i]), to_y(f, s->y[i]));
        drawing = isfinite(s->x[i]) && isfinite(s->y[i]);
    }
    fputs("\"/>\n", to);
    for (int i = 0; s->points && i < s->count; i += stride) {
        if (isfinite(s->x[i]) && isfinite(s->y[i]))
            fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\" fill=\"%s\"/>\n", to_x(f, s->x[i]), to_y(f, s->y[i]),
                    s->colour);
    }
}

static void print_legend(FILE *to, const frame *f, const plot_panel *panel)
{
    double x = f->left + f->width;
    for (int s = panel->count - 1; s >= 0; s--) {
        const char *label = panel->series[s].label;
        x -= 7.0 * (double)strlen(label) + 34;
        fprintf(to, "<path stroke=\"%s\" stroke-width=\"2.4\" d=\"M%.1f %.1fh20\"/>\n", panel->series[s].colour, x, f->top - 16);
        print_text(to, x + 25, f->top - 12, "font-size=\"12\" fill=\"#222\"", label);
    }
}

static void print_panel(FILE *to, const plot_panel *panel, double top)
{
    double low, high, y_low = panel->y_min, y_high = panel->y_max;
    find_range(panel, true, &low, &high);
    if (!(panel->y_max > panel->y_min))
        find_range(panel, false, &y_low, &y_high);
    const frame f = {
        LEFT, top + TOP, WIDTH - LEFT - RIGHT, PANEL_HEIGHT - TOP - BOTTOM, make_axis(low, high, 8), make_axis(y_low, y_high, 5)};
    print_axes(to, &f, panel);
    for (int s = 0; s < panel->count; s++)
        print_series(to, &f, &panel->series[s]);
    print_legend(to, &f, panel);
}

bool plot_write(const char *path, const char *title, const plot_panel *panels, int count)
{
    output_file out;
    if (!output_file_open(path, &out))
        return false;
    const int height = TITLE_HEIGHT + count * PANEL_HEIGHT;
    fprintf(out.file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"system-ui, sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            WIDTH, height, WIDTH, height);
    print_text(out.file, WIDTH / 2.0, 28, "font-size=\"17\" font-weight=\"600\" fill=\"#111\" text-anchor=\"middle\"", title);
    for (int i = 0; i < count; i++)
        print_panel(out.file, &panels[i], TITLE_HEIGHT + i * PANEL_HEIGHT);
    fputs("</svg>\n", out.file);
    return output_file_commit(&out);
}
