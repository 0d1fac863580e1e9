/* planted.h - what the gates must find: a function that the library does not have. */
OC_API void oc_planted(void);
