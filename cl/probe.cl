/* probe.cl - what a driver does not say about itself. Host side: src/device/probe.c. */

/* Counts to `limit`, unless x happens upon 0: a compiler cannot know. Some compilers end every loop after a fixed
 * number of iterations (llvmpipe's, up to Mesa 22: 65,535 in all loops of a work-item together). */
__kernel void probe_loops(__global int *counted, ulong counted_offset, const int limit)
{
    uint x = 1;
    int i = 0;
    while (i < limit && x != 0) {
        x = x * 1664525u + 1013904223u;
        i++;
    }
    counted[counted_offset] = i;
}
