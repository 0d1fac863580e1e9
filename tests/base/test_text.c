/* test_text.c - strings under construction, and work spread over threads. */
#include "base/text.h"
#include "base/thread.h"

#include <criterion/criterion.h>
#include <stdatomic.h>

Test(text, pieces_are_joined)
{
    char room[32];
    struct text text = TEXT_IN(room);
    cr_assert_str_eq(room, "");
    text_print(&text, "-D%s=%d ", "SIZE", 3);
    text_shape(&text, 3, (int64_t[]){ 2, 3, -4 });
    text_shape(&text, 0, NULL);
    cr_assert_str_eq(room, "-DSIZE=3 2x3x-4");
    cr_assert_eq(text.length, 15);
    cr_assert(!text.overflow);
}

Test(text, what_does_not_fit_is_left_out)
{
    char room[8];
    struct text text = TEXT_IN(room);
    text_print(&text, "1234");
    text_print(&text, "5678"); /* one byte too many */
    cr_assert(text.overflow);
    text_print(&text, "9");
    cr_assert_str_eq(room, "1234");
    struct text exact = TEXT_IN(room);
    text_print(&exact, "1234567");
    cr_assert(!exact.overflow);
    cr_assert_str_eq(room, "1234567");
}

static void visit(void *user, int index)
{
    atomic_fetch_add(&((atomic_int *)user)[index], 1);
}

Test(text, threads_do_each_piece_once)
{
    enum { PIECES = 1000 };
    static atomic_int visits[PIECES];
    const int counts[] = { 0, 1, 2, PIECES };
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (int i = 0; i < PIECES; i++)
            atomic_store(&visits[i], 0);
        thread_for(counts[c], visit, visits);
        for (int i = 0; i < PIECES; i++)
            cr_assert_eq(atomic_load(&visits[i]), i < counts[c], "piece %d of %d", i, counts[c]);
    }
}
