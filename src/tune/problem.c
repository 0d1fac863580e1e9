/* problem.c - a node as text: everything its speed depends on, and nothing that differs from run to run. */
#include "tune/tune.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void print_tensor(struct text *text, const oc_tensor *x)
{
    static const char *const suffixes[] = { [ELEMENT_F32] = "", [ELEMENT_I32] = "i", [ELEMENT_U8] = "b" };
    text_print(text, " ");
    if (x->shape.rank == 0)
        text_print(text, "1");
    text_shape(text, x->shape.rank, x->shape.dim);
    text_print(text, "%s", suffixes[x->type]);
    if (!tensor_is_dense(x))
        text_print(text, "/%lld", (long long)tensor_pitch(x));
}

void problem_print(struct text *text, const struct node *n, bool training)
{
    text_print(text, "%s", n->op->name);
    if (n->op->describe)
        n->op->describe(n, text);
    if (n->prologue.scale)
        text_print(text, " scaled%s", n->prologue.relu ? "_relu" : "");
    if (n->epilogue.addend)
        text_print(text, " add %d", n->epilogue.addend);
    if (n->epilogue.function)
        text_print(text, " %s", n->epilogue.function);
    if (n->epilogue.kept)
        text_print(text, " kept %d", n->epilogue.kept);
    text_print(text, " %s:", n->backward ? "backward" : training ? "training" : "inference");
    for (int i = 0; i < n->in_count; i++)
        print_tensor(text, n->in[i]);
    text_print(text, " >");
    for (int i = 0; i < n->out_count; i++)
        print_tensor(text, n->out[i]);
}

double problem_distance(const char *a, const char *b)
{
    const size_t same = strcspn(a, ":");
    if (strncmp(a, b, same + 1) != 0 || a[same] == '\0')
        return HUGE_VAL;
    double sum = 0;
    int count = 0;
    for (a += same, b += same; *a || *b;) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            char *end_a, *end_b;
            const double size_a = (double)strtoull(a, &end_a, 10), size_b = (double)strtoull(b, &end_b, 10);
            a = end_a;
            b = end_b;
            sum += fabs(log2((size_a + 1) / (size_b + 1)));
            count++;
        } else if (*a++ != *b++) {
            return HUGE_VAL;
        }
    }
    return count > 0 ? sum / count : 0;
}
