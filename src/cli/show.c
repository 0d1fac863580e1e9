/* show.c - pictures as characters: two pixels per character, one above the other. */
#include "job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 16, GAP = 2, ACROSS = 4 }; /* pixels of a drawing; drawings in a line of 80 characters */

/* Grey values 0..1 of a picture's first channel, averaged down to at most SIDE x SIDE. */
struct drawing {
    int height, width;
    float grey[SIDE][SIDE];
};

static void reduce(struct drawing *drawing, const float *pixels, int height, int width)
{
    drawing->height = height < SIDE ? height : SIDE;
    drawing->width = width < SIDE ? width : SIDE;
    for (int y = 0; y < drawing->height; y++) {
        for (int x = 0; x < drawing->width; x++) {
            const int top = y * height / drawing->height, bottom = (y + 1) * height / drawing->height;
            const int left = x * width / drawing->width, right = (x + 1) * width / drawing->width;
            float sum = 0;
            for (int i = top; i < bottom; i++)
                for (int j = left; j < right; j++)
                    sum += pixels[(int64_t)i * width + j];
            drawing->grey[y][x] = sum / (float)((bottom - top) * (right - left));
        }
    }
}

/* Spreads what is there over 0..1. */
static void stretch(struct drawing *drawing)
{
    float low = INFINITY, high = -INFINITY;
    for (int y = 0; y < drawing->height; y++)
        for (int x = 0; x < drawing->width; x++) {
            low = fminf(low, drawing->grey[y][x]);
            high = fmaxf(high, drawing->grey[y][x]);
        }
    for (int y = 0; y < drawing->height; y++)
        for (int x = 0; x < drawing->width; x++)
            drawing->grey[y][x] = high > low ? (drawing->grey[y][x] - low) / (high - low) : 0;
}

static float grey_at(const struct drawing *drawing, int y, int x)
{
    return y < drawing->height && x < drawing->width ? drawing->grey[y][x] : 0;
}

/* With colours a half block shows both pixels; without, a shade shows their mean. */
static void draw_cell(float above, float below)
{
    static const char *const blocks[] = { " ", "\u2591", "\u2592", "\u2593", "\u2588" };
    static const char ascii[] = " .:-=+*#%@";
    const float mean = (above + below) / 2;
    if (output_colour() && output_unicode())
        printf("\033[38;5;%ld;48;5;%ldm\u2580", 232 + lroundf(above * 23), 232 + lroundf(below * 23));
    else if (output_unicode())
        fputs(blocks[lroundf(mean * 4)], stdout);
    else
        putchar(ascii[lroundf(mean * 9)]);
}

static void draw_line(const struct drawing *drawings, int count, int line)
{
    for (int i = 0; i < count; i++) {
        for (int x = 0; x < SIDE; x++)
            draw_cell(grey_at(&drawings[i], 2 * line, x), grey_at(&drawings[i], 2 * line + 1, x));
        printf("%s%*s", output_colour() && output_unicode() ? "\033[0m" : "", GAP, "");
    }
    putchar('\n');
}

static const char *class_name(const oc_dataset *set, int class, char text[NUMBER_TEXT])
{
    if (set->class_names)
        snprintf(text, NUMBER_TEXT, "%s", set->class_names[class]);
    else
        snprintf(text, NUMBER_TEXT, "%d", class);
    return text;
}

static void print_answer(const oc_dataset *set, const float *probabilities, int classes, int label)
{
    char said[NUMBER_TEXT], is[NUMBER_TEXT], text[3 * NUMBER_TEXT];
    int best = 0;
    for (int i = 1; i < classes; i++)
        if (probabilities[i] > probabilities[best])
            best = i;
    int length = snprintf(text, sizeof text, "%.6s  %.1f%%", class_name(set, best, said),
                          100 * (double)probabilities[best]);
    if (best != label)
        length +=
            snprintf(text + length, sizeof text - (size_t)length, " (%.6s)", class_name(set, label, is));
    const char *colour = best == label ? "\033[32m" : "\033[31m";
    printf("%s%s%s%*s", output_colour() ? colour : "", text, output_colour() ? "\033[0m" : "",
           length < SIDE + GAP ? SIDE + GAP - length : 1, "");
}

static enum exit_code show_line(struct job *job, const oc_dataset *set, int64_t first, int64_t stride,
                                int count)
{
    struct drawing drawings[ACROSS];
    const int64_t pixels = (int64_t)set->channels * set->height * set->width;
    const int classes = job->desc.classes;
    float *probabilities = malloc(ACROSS * (size_t)classes * sizeof *probabilities);
    if (!probabilities)
        return output_error("out of memory");
    oc_status status = OC_OK;
    for (int i = 0; i < count && status == OC_OK; i++) {
        const float *picture = set->images + (first + i * stride) * pixels;
        reduce(&drawings[i], picture, set->height, set->width);
        stretch(&drawings[i]);
        status = oc_infer(
            job->model, 1, (oc_feed[]){ { .tensor = job->net.image, .data = picture }, { 0 } },
            (oc_fetch[]){ { .tensor = job->net.probabilities, .data = probabilities + i * classes }, { 0 } });
    }
    if (status == OC_OK) {
        for (int line = 0; 2 * line < drawings[0].height; line++)
            draw_line(drawings, count, line);
        for (int i = 0; i < count; i++)
            print_answer(set, probabilities + i * classes, classes, set->labels[first + i * stride]);
        puts("\n");
    }
    free(probabilities);
    return output_status(status);
}

enum exit_code show_pictures(struct job *job, const oc_dataset *set, int count)
{
    if (count > set->count)
        count = (int)set->count;
    const int64_t stride = count > 0 ? set->count / count : 1;
    for (int first = 0; first < count; first += ACROSS) {
        const int here = count - first < ACROSS ? count - first : ACROSS;
        FORWARD(show_line(job, set, first * stride, stride, here));
    }
    return EXIT_OK;
}
