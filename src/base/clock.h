/* clock.h - time that only goes forward. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* In seconds, since an arbitrary moment. */
double clock_seconds(void);

#endif
