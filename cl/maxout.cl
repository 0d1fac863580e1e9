/* maxout.cl - the largest of each group of `pieces` adjacent channels. Host side: src/ops/maxout.c.
 * A work-item has a group of a pixel. A NaN wins; of equal values the first. */

static int winner(__global const real *x, const int pieces)
{
    int best = 0;
    for (int k = 1; k < pieces; k++)
        if (x[k] > x[best] || (isnan(x[k]) && !isnan(x[best])))
            best = k;
    return best;
}

__kernel void maxout_reference(IN(real, x), OUT(real, y), const int pixels, const int groups, const int pieces,
                               const int x_pitch, const int y_pitch)
{
    const long group = get_global_id(0), pixel = get_global_id(1);
    if (group < groups && pixel < pixels) {
        __global const real *p = AT(x) + pixel * x_pitch + group * pieces;
        AT(y)[pixel * y_pitch + group] = p[winner(p, pieces)];
    }
}

/* dx = dy at the winner, 0 elsewhere. */
__kernel void maxout_backward_reference(IN(real, x), IN(real, dy), const int pixels, const int groups,
                                        const int pieces, const int x_pitch, const int dy_pitch, OUT(real, dx),
                                        const int dx_pitch)
{
    const long group = get_global_id(0), pixel = get_global_id(1);
    if (group < groups && pixel < pixels) {
        const int best = winner(AT(x) + pixel * x_pitch + group * pieces, pieces);
        for (int k = 0; k < pieces; k++)
            AT(dx)[pixel * dx_pitch + group * pieces + k] = k == best ? AT(dy)[pixel * dy_pitch + group] : 0;
    }
}
