/* clip.cl - the factor that limits the norm of all gradients. Host side: src/ops/clip.c.
 *
 * As in PyTorch an infinite norm gives 0, and one that is NaN gives NaN: the comparison lets it through. */
__kernel void clip_factor(IN(real, sum), OUT(real, factor), const float limit)
{
    const real f = limit / (sqrt(AT(sum)[0]) + 1e-6f);
    AT(factor)[0] = f > 1.f ? 1.f : f;
}
