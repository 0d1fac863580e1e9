/* plot.c - a training run as a picture: loss on the left, accuracy on the right, an SVG written by hand. */
#include "train/curve.h"

#include <math.h>

enum { WIDTH = 960, HEIGHT = 400, PANEL_WIDTH = 390, PANEL_HEIGHT = 290, TOP = 60 };

static const int panel_left[] = { 70, 550 };

struct axis {
    double low, high, step;
};

struct series {
    const char *name, *colour;
    double (*value)(const struct curve_row *row);
};

struct panel {
    const char *title;
    double scale;   /* of the numbers beside the axis: 100 for percent */
    double floor;   /* the axis never starts below */
    double ceiling; /* nor ends above */
    struct series series[2];
};

static double loss(const struct curve_row *row)
{
    return row->loss;
}

static double accuracy(const struct curve_row *row)
{
    return row->accuracy;
}

static double test_loss(const struct curve_row *row)
{
    return row->test_loss;
}

static double test_accuracy(const struct curve_row *row)
{
    return row->test_accuracy;
}

static const struct panel panels[] = {
    { "loss", 1, 0, INFINITY, { { "training", "#1b6ca8", loss }, { "test", "#d1495b", test_loss } } },
    { "accuracy, %",
      100,
      0,
      1,
      { { "training", "#1b6ca8", accuracy }, { "test", "#d1495b", test_accuracy } } },
};

/* A round step (1, 2 or 5 times a power of ten) that gives about `ticks` of them. */
static double round_step(double range, int ticks)
{
    const double raw = range / ticks, power = pow(10, floor(log10(raw)));
    const double digit = raw / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static struct axis fit(double low, double high, int ticks)
{
    if (!(high > low))
        high = low + (low != 0 ? fabs(low) : 1);
    const double step = round_step(high - low, ticks);
    return (struct axis){ floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step, step };
}

static struct axis fit_values(const struct panel *panel, const struct curve_row *rows, size_t count)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        for (int s = 0; s < 2; s++) {
            const double value = panel->series[s].value(&rows[i]);
            if (isfinite(value)) {
                low = fmin(low, value);
                high = fmax(high, value);
            }
        }
    }
    if (low > high)
        return fit(0, 1, 5);
    struct axis axis = fit(low, high, 5);
    axis.low = fmax(axis.low, panel->floor);
    axis.high = fmin(axis.high, panel->ceiling);
    return axis.high > axis.low ? axis : fit(axis.low - 0.1, axis.low, 5);
}

static double place(const struct axis *axis, double value, double from, double to)
{
    return from + (value - axis->low) / (axis->high - axis->low) * (to - from);
}

static void write_axes(FILE *file, const struct panel *panel, int left, const struct axis *x,
                       const struct axis *y)
{
    const int bottom = TOP + PANEL_HEIGHT, right = left + PANEL_WIDTH;
    for (int i = 0; y->low + i * y->step <= y->high + y->step * 1e-6; i++) {
        const double value = y->low + i * y->step, at = place(y, value, bottom, TOP);
        fprintf(file, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", left, right, at,
                at);
        fprintf(file, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", left - 8, at + 4,
                round(value * panel->scale * 1e6) / 1e6);
    }
    for (int i = 0; x->low + i * x->step <= x->high + x->step * 1e-6; i++) {
        const double value = x->low + i * x->step, at = place(x, value, left, right);
        fprintf(file, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", at, at, bottom,
                bottom + 5);
        fprintf(file, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", at, bottom + 20, value);
    }
    fprintf(file, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n", left, TOP, bottom, right);
    fprintf(file, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">epoch</text>\n", left + PANEL_WIDTH / 2,
            bottom + 38);
}

/* A line through the epochs, with a dot on each as long as they can be told apart. False if there is nothing. */
static bool write_series(FILE *file, const struct series *series, int left, const struct axis *x,
                         const struct axis *y, const struct curve_row *rows, size_t count)
{
    enum { MOST_DOTS = 60 };
    size_t points = 0;
    for (int dots = 0; dots < (count <= MOST_DOTS ? 2 : 1); dots++) {
        if (!dots)
            fprintf(file, "<polyline class=\"line\" stroke=\"%s\" points=\"", series->colour);
        for (size_t i = 0; i < count; i++) {
            const double value = series->value(&rows[i]);
            if (!isfinite(value))
                continue;
            const double across = place(x, rows[i].epoch, left, left + PANEL_WIDTH);
            const double down = place(y, value, TOP + PANEL_HEIGHT, TOP);
            fprintf(file, dots ? "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n" : "%.1f,%.1f ",
                    across, down, series->colour);
            points++;
        }
        if (!dots)
            fputs("\"/>\n", file);
    }
    return points > 0;
}

static void write_panel(FILE *file, const struct panel *panel, int left, const struct axis *x,
                        const struct curve_row *rows, size_t count)
{
    const struct axis y = fit_values(panel, rows, count);
    fprintf(file, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", left, TOP - 20, panel->title);
    write_axes(file, panel, left, x, &y);
    int legend = left + PANEL_WIDTH - 170;
    for (int s = 0; s < 2; s++) {
        const struct series *series = &panel->series[s];
        if (!write_series(file, series, left, x, &y, rows, count))
            continue;
        fprintf(file, "<line class=\"line\" stroke=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n",
                series->colour, legend, legend + 22, TOP - 25, TOP - 25);
        fprintf(file, "<text x=\"%d\" y=\"%d\">%s</text>\n", legend + 28, TOP - 21, series->name);
        legend += 95;
    }
}

void plot_write(FILE *file, const struct curve_row *rows, size_t count)
{
    struct axis x = fit(rows[0].epoch, rows[count - 1].epoch, 8);
    if (x.step < 1)
        x = (struct axis){ rows[0].epoch, rows[0].epoch + fmax(1, rows[count - 1].epoch - rows[0].epoch), 1 };
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n"
            "<style>.grid{stroke:#e3e3e3}.axis{stroke:#333;fill:none}.line{fill:none;stroke-width:2}"
            ".title{font-size:15px;font-weight:bold}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    for (int i = 0; i < 2; i++)
        write_panel(file, &panels[i], panel_left[i], &x, rows, count);
    fputs("</svg>\n", file);
}
