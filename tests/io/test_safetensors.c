/* test_safetensors.c - the file format of weights: every rule of it, kept and broken. */
#include "io/safetensors.h"
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef WITH_JANSSON

enum { ROOM = 4096 };

/* Header length, header, values: `size` bytes counting from 0. */
static size_t build(unsigned char *file, const char *header, size_t size)
{
    const size_t length = strlen(header);
    for (int i = 0; i < 8; i++)
        file[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(file + 8, header, length);
    for (size_t i = 0; i < size; i++)
        file[8 + length + i] = (unsigned char)i;
    return 8 + length + size;
}

static oc_status open_header(struct safetensors *file, const char *header, size_t size)
{
    unsigned char bytes[ROOM];
    scratch_write("w", bytes, build(bytes, header, size));
    return safetensors_open(file, scratch_path("w"));
}

#define TENSOR(name, type, shape, begin, end)                                                                \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

Test(safetensors, reads_what_the_format_allows, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *header;
        size_t size, count, bytes; /* bytes of tensor a */
        int rank;                  /* of tensor a */
        int first;                 /* byte of tensor a */
    } cases[] = {
        { "{}", 0, 0, 0, 0, 0 },
        { "{}   ", 0, 0, 0, 0, 0 },
        { "{" TENSOR("a", "F32", "[2,1]", 0, 8) "}", 8, 1, 8, 2, 0 },
        { "{" TENSOR("a", "F32", "[]", 0, 4) "}   ", 4, 1, 4, 0, 0 },
        { "{" TENSOR("a", "U8", "[1,1,1,1,1,1,1,3]", 0, 3) "}", 3, 1, 3, 8, 0 },
        { "{" TENSOR("a", "U8", "[3]", 2, 5) "," TENSOR("b", "U8", "[2]", 0, 2) "}", 5, 2, 3, 1, 2 },
        { "{" TENSOR("b", "I64", "[1]", 0, 8) "," TENSOR("a", "F32", "[2,0]", 8,
                                                         8) "," TENSOR("c", "I16", "[1]", 8, 10) "}",
          10, 3, 0, 2, -1 },
        { "{" TENSOR("a", "F4", "[4]", 0, 2) "}", 2, 1, 2, 1, 0 },
        { "{" TENSOR("a", "F6_E2M3", "[4]", 0, 3) "}", 3, 1, 3, 1, 0 },
        { "{ \"a\" : { \"data_offsets\" : [ 0 , 1 ] , \"shape\" : [ ] , \"dtype\" : \"BOOL\" } }", 1, 1, 1, 0,
          0 },
        { "{\"__metadata__\":{\"k\":\"v\",\"l\":\"\"}," TENSOR("a", "F32", "[1]", 0, 4) "}", 4, 1, 4, 1, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct safetensors file;
        cr_assert_eq(open_header(&file, cases[i].header, cases[i].size), OC_OK, "%s", oc_last_error());
        cr_assert_eq(file.count, cases[i].count, "%s", cases[i].header);
        const struct tensor_entry *a = safetensors_find(&file, "a");
        cr_assert_eq(a != NULL, cases[i].count > 0);
        if (a) {
            cr_assert(a->rank == cases[i].rank && a->bytes == cases[i].bytes, "%s", cases[i].header);
            cr_assert(cases[i].first < 0 || a->data[0] == cases[i].first, "%s", cases[i].header);
        }
        cr_assert_null(safetensors_find(&file, "d"));
        cr_assert_null(safetensors_find(&file, "__metadata__"));
        safetensors_close(&file);
    }
}

#define A(facts)                "{\"a\":{" facts "}}"
#define OFFSETS(shape, offsets) A("\"dtype\":\"U8\",\"shape\":" shape ",\"data_offsets\":" offsets)

Test(safetensors, refuses_what_the_format_forbids, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *header;
        size_t size;
        const char *words;
    } cases[] = {
        { "", 0, "not a JSON object" },
        { "    ", 0, "not a JSON object" },
        { "[]", 0, "not a JSON object" },
        { " {}", 0, "not a JSON object" },
        { "{}\n", 0, "not a JSON object" },
        { "{}x", 0, "not a JSON object" },
        { "{", 0, "not a JSON object" },
        { "{}}", 0, "not valid JSON" },
        { "{'a':1}", 0, "not valid JSON" },
        { "{\"a\xff\":1}", 0, "not valid JSON" },
        { "{" TENSOR("a", "U8", "[1]", 0, 1) "," TENSOR("a", "U8", "[1]", 1, 2) "}", 2, "duplicate" },
        { A("\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]"), 1, "duplicate" },
        { "{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", 0, "duplicate" },
        { "{\"__metadata__\":[]}", 0, "__metadata__ is not an object" },
        { "{\"__metadata__\":{\"step\":1}}", 0, "value of step in __metadata__ is not a string" },
        { "{\"a\":1}", 0, "tensor a is not described" },
        { A("\"dtype\":\"U8\",\"shape\":[1]"), 1, "tensor a is not described" },
        { A("\"dtype\":\"U8\",\"data_offsets\":[0,1],\"size\":1"), 1, "has no shape" },
        { A("\"shape\":[1],\"data_offsets\":[0,1],\"type\":\"U8\""), 1, "tensor a is not described" },
        { A("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":0"), 1,
          "tensor a is not described" },
        { A("\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,1]"), 1, "tensor a is not described" },
        { "{" TENSOR("a", "float", "[1]", 0, 4) "}", 4, "unknown dtype float" },
        { "{" TENSOR("a", "f32", "[1]", 0, 4) "}", 4, "unknown dtype f32" },
        { OFFSETS("1", "[0,1]"), 1, "has no shape" },
        { OFFSETS("[-1]", "[0,1]"), 1, "not made of whole numbers" },
        { OFFSETS("[1.0]", "[0,1]"), 1, "not made of whole numbers" },
        { OFFSETS("[\"1\"]", "[0,1]"), 1, "not made of whole numbers" },
        { OFFSETS("[true]", "[0,1]"), 1, "not made of whole numbers" },
        { OFFSETS("[99999999999999999999]", "[0,1]"), 1, "not valid JSON" },
        { OFFSETS("[4294967296,4294967296]", "[0,1]"), 1, "not what its shape and dtype need" },
        { OFFSETS("[0,4294967296,4294967296,4294967296]", "[0,0]"), 0, NULL },
        { OFFSETS("[4294967296,4294967296,4294967296,0]", "[0,0]"), 0, "not what its shape and dtype need" },
        { OFFSETS("[1]", "1"), 1, "not two whole numbers" },
        { OFFSETS("[1]", "[0]"), 1, "not two whole numbers" },
        { OFFSETS("[1]", "[0,1,1]"), 1, "not two whole numbers" },
        { OFFSETS("[1]", "{\"0\":0,\"1\":1}"), 1, "not two whole numbers" },
        { OFFSETS("[1]", "[-1,0]"), 1, "not two whole numbers" },
        { OFFSETS("[1]", "[0,1.0]"), 1, "not two whole numbers" },
        { OFFSETS("[1]", "[1,0]"), 1, "lies at 1 to 0 of 1 bytes" },
        { OFFSETS("[2]", "[0,2]"), 1, "lies at 0 to 2 of 1 bytes" },
        { OFFSETS("[9223372036854775807]", "[0,9223372036854775807]"), 1,
          "lies at 0 to 9223372036854775807" },
        { OFFSETS("[2]", "[0,3]"), 3, "has 3 bytes, which is not" },
        { OFFSETS("[4]", "[0,3]"), 3, "has 3 bytes, which is not" },
        { "{" TENSOR("a", "F32", "[1]", 0, 1) "}", 1, "has 1 bytes, which is not" },
        { "{" TENSOR("a", "F4", "[3]", 0, 2) "}", 2, "has 2 bytes, which is not" },
        { "{" TENSOR("a", "F4", "[3]", 0, 1) "}", 1, "has 1 bytes, which is not" },
        { OFFSETS("[1]", "[1,2]"), 2, "tensor a does not follow" },
        { OFFSETS("[1]", "[0,1]"), 2, "has 1 bytes that belong to no tensor" },
        { "{}", 1, "has 1 bytes that belong to no tensor" },
        { "{" TENSOR("a", "U8", "[1]", 0, 1) "," TENSOR("b", "U8", "[1]", 2, 3) "}", 3,
          "tensor b does not follow" },
        { "{" TENSOR("a", "U8", "[2]", 0, 2) "," TENSOR("b", "U8", "[2]", 1, 3) "}", 3, "tensor b overlaps" },
        { "{" TENSOR("a", "U8", "[2]", 0, 2) "," TENSOR("b", "U8", "[2]", 0, 2) "}", 2, "overlaps another" },
        { "{" TENSOR("a", "U8", "[2]", 0, 2) "," TENSOR("b", "U8", "[0]", 1, 1) "}", 2, "tensor b overlaps" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct safetensors file;
        const oc_status status = open_header(&file, cases[i].header, cases[i].size);
        if (!cases[i].words)
            cr_assert_eq(status, OC_OK, "%s: %s", cases[i].header, oc_last_error());
        else
            expect_failure(status, OC_E_FORMAT, cases[i].words, cases[i].header);
        cr_assert(status == OC_OK || strstr(oc_last_error(), "/w: "), "the path is missing: %s",
                  oc_last_error());
        cr_assert(status == OC_OK || (!file.bytes && !file.tensors && !file.header));
        if (status == OC_OK)
            safetensors_close(&file);
    }
    struct safetensors file;
    expect_failure(open_header(&file, OFFSETS("[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1), OC_E_UNSUPPORTED,
                   "has 9 dimensions; up to 8", "rank");
}

static const char example[] = "{\"__metadata__\":{\"k\":\"v\"}," TENSOR("a", "F32", "[2]", 0, 8) "," TENSOR(
    "b", "I16", "[1]", 8, 10) "}";

Test(safetensors, refuses_every_cut_and_every_surplus, .init = scratch_open, .fini = scratch_close)
{
    unsigned char bytes[ROOM];
    const size_t size = build(bytes, example, 10);
    bytes[size] = 0;
    for (size_t cut = 0; cut <= size + 1; cut++) {
        struct safetensors file;
        scratch_write("w", bytes, cut);
        const oc_status status = safetensors_open(&file, scratch_path("w"));
        cr_assert_eq(status, cut == size ? OC_OK : OC_E_FORMAT, "%zu of %zu: %s", cut, size, oc_last_error());
        if (status == OC_OK)
            safetensors_close(&file);
    }
}

/* Any bit may be wrong: what opens has tensors that lie within the file. */
Test(safetensors, survives_any_changed_bit, .init = scratch_open, .fini = scratch_close)
{
    unsigned char bytes[ROOM];
    const size_t size = build(bytes, example, 10);
    for (size_t i = 0; i < 8 * (size - 10); i++) {
        struct safetensors file;
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        scratch_write("w", bytes, size);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        if (safetensors_open(&file, scratch_path("w")) != OC_OK)
            continue;
        size_t sum = 0;
        for (size_t k = 0; k < file.count; k++)
            for (size_t j = 0; j < file.tensors[k].bytes; j++)
                sum += file.tensors[k].data[j];
        cr_assert_eq(sum, 45, "bit %zu: the tensors are not the whole buffer", i);
        safetensors_close(&file);
    }
}

Test(safetensors, refuses_headers_that_are_too_long, .init = scratch_open, .fini = scratch_close)
{
    struct safetensors file;
    const struct {
        unsigned char length[8];
        const char *words;
    } cases[] = { { { 3 }, "header of 3 bytes, but 2 follow" },
                  { { 0, 0, 0, 0, 0, 0, 0, 1 }, "header of 72057594037927936 bytes" },
                  { { 255, 255, 255, 255, 255, 255, 255, 255 }, "header of 18446744073709551615 bytes" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char bytes[10] = { 0, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
        memcpy(bytes, cases[i].length, 8);
        scratch_write("w", bytes, sizeof bytes);
        expect_failure(safetensors_open(&file, scratch_path("w")), OC_E_FORMAT, cases[i].words,
                       cases[i].words);
    }
    /* A hundred million bytes are allowed, one more is not; the file is a hole on the disk. */
    const unsigned char length[8] = { 1, 0xe1, 0xf5, 5 };
    scratch_write("w", length, sizeof length);
    cr_assert_eq(truncate(scratch_path("w"), 100000001 + 8), 0);
    expect_failure(safetensors_open(&file, scratch_path("w")), OC_E_FORMAT, "100000000 is the most", "limit");
    expect_failure(safetensors_open(&file, scratch_path("none")), OC_E_FILE, "none: cannot be opened",
                   "missing");
}

/* ---- Writing ---- */

static oc_status write_file(const char *name, struct tensor_entry *tensors, size_t count,
                            const char *const *metadata,
                            const unsigned char *(*values)(const struct tensor_entry *tensor))
{
    struct file_writer file;
    oc_status status = file_begin(&file, scratch_path(name));
    if (status == OC_OK)
        status = safetensors_write_header(&file, tensors, count, metadata);
    for (size_t i = 0; status == OC_OK && i < count; i++)
        status = file_write(&file, values(&tensors[i]), tensors[i].bytes);
    return file_end(&file, status);
}

static const unsigned char *zeros(const struct tensor_entry *tensor)
{
    static const unsigned char bytes[256];
    (void)tensor;
    return bytes;
}

static const unsigned char *own_data(const struct tensor_entry *tensor)
{
    return tensor->data;
}

/* Headers as Hugging Face's library writes them. */
Test(safetensors, writes_what_the_reference_writes, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *header;
        size_t size;
        const char *metadata[3];
        struct tensor_entry tensors[8];
    } cases[] = {
        { "{}      ", 0, { NULL }, { { 0 } } },
        { "{\"__metadata__\":{\"framework\":\"pt\"}}     ", 0, { "framework", "pt" }, { { 0 } } },
        { "{\"attn.0\":{\"dtype\":\"F32\",\"shape\":[1,2,3],\"data_offsets\":[0,24]}}",
          24,
          { NULL },
          { { .name = "attn.0", .type = "F32", .rank = 3, .shape = { 1, 2, 3 } } } },
        { "{\"attn0\":{\"dtype\":\"F32\",\"shape\":[1,1,2,3],\"data_offsets\":[0,24]}}       ",
          24,
          { NULL },
          { { .name = "attn0", .type = "F32", .rank = 4, .shape = { 1, 1, 2, 3 } } } },
        { "{\"d\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[0,8]},"
          "\"e\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
          "\"f\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]},"
          "\"b\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[20,20]},"
          "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[20,21]},"
          "\"g\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[21,22]},"
          "\"c\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[22,23]}}",
          23,
          { NULL },
          { { .name = "a", .type = "U8", .rank = 1, .shape = { 1 } },
            { .name = "b", .type = "F16", .rank = 1, .shape = { 0 } },
            { .name = "c", .type = "BOOL", .rank = 1, .shape = { 1 } },
            { .name = "d", .type = "U64", .rank = 1, .shape = { 1 } },
            { .name = "f", .type = "F32", .rank = 1, .shape = { 2 } },
            { .name = "e", .type = "F32", .rank = 0 },
            { .name = "g", .type = "F4", .rank = 1, .shape = { 2 } } } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tensor_entry tensors[8];
        size_t count = 0;
        memcpy(tensors, cases[i].tensors, sizeof tensors);
        while (count < 8 && tensors[count].name)
            count++;
        cr_assert_eq(write_file("w", tensors, count, cases[i].metadata, zeros), OC_OK, "%s", oc_last_error());
        unsigned char found[ROOM];
        char padded[ROOM];
        const size_t length = (strlen(cases[i].header) + 7) / 8 * 8;
        snprintf(padded, sizeof padded, "%-*s", (int)length, cases[i].header);
        const size_t size = scratch_read("w", found, sizeof found);
        cr_assert_eq(size, 8 + length + cases[i].size, "case %zu: %zu bytes", i, size);
        cr_assert(found[0] == length % 256 && found[1] == length / 256 &&
                      memcmp(found + 8, padded, length) == 0,
                  "case %zu: %.*s", i, (int)length, (const char *)found + 8);
    }
}

Test(safetensors, saving_what_was_loaded_gives_the_same_bytes, .init = scratch_open, .fini = scratch_close)
{
    static const char *const headers[] = {
        "{\"__metadata__\":{\"b\":\"1\",\"a\":\"\xc3\xa9\\n\\u0001\"},\"w\":{\"dtype\":\"F64\",\"shape\":[1],"
        "\"data_offsets\":[0,8]},\"a\xc3\xa9\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[2,0],\"data_offsets\":[12,12]},"
        "\"c/\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}",
        "{" TENSOR("a", "U8", "[16]", 0, 16) "}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        unsigned char bytes[ROOM], found[ROOM];
        char padded[ROOM];
        struct safetensors file;
        snprintf(padded, sizeof padded, "%-*s", (int)((strlen(headers[i]) + 7) / 8 * 8), headers[i]);
        const size_t size = build(bytes, padded, 16);
        scratch_write("w", bytes, size);
        cr_assert_eq(safetensors_open(&file, scratch_path("w")), OC_OK, "%s", oc_last_error());
        const char *metadata[] = { "b", safetensors_metadata(&file, "b"), "a",
                                   safetensors_metadata(&file, "a"), NULL };
        cr_assert_eq(write_file("again", file.tensors, file.count, metadata[1] ? metadata : NULL, own_data),
                     OC_OK, "%s", oc_last_error());
        safetensors_close(&file);
        cr_assert_eq(scratch_read("again", found, sizeof found), size);
        cr_assert_eq(memcmp(found, bytes, size), 0, "%s became %.*s", headers[i], (int)size - 24,
                     (char *)found + 8);
    }
}

Test(safetensors, writes_nothing_that_cannot_be_read, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        struct tensor_entry tensors[2];
        const char *metadata[5];
        const char *words;
    } cases[] = {
        { { { .name = "a", .type = "F32" }, { .name = "a", .type = "F32" } },
          { NULL },
          "tensor name a is given twice" },
        { { { .name = "a", .type = "F32" }, { .name = "a", .type = "U8" } },
          { NULL },
          "tensor name a is given twice" },
        { { { .name = "a", .type = "F32" }, { .name = "__metadata__", .type = "U8" } },
          { NULL },
          "reserved" },
        { { { .name = "a", .type = "F32" }, { .name = "\xff", .type = "U8" } }, { NULL }, "not UTF-8" },
        { { { .name = "a", .type = "F32" }, { .name = "b", .type = "float" } },
          { NULL },
          "tensor b has no valid size" },
        { { { .name = "a", .type = "F32" }, { .name = "b", .type = "F4" } },
          { NULL },
          "tensor b has no valid size" },
        { { { .name = "a", .type = "F32" }, { .name = "b", .type = "U8", .rank = 1, .shape = { -1 } } },
          { NULL },
          "tensor b has no valid size" },
        { { { .name = "a", .type = "F32" }, { .name = "b", .type = "U8" } },
          { "k", "1", "k", "2" },
          "metadata k is" },
        { { { .name = "a", .type = "F32" }, { .name = "b", .type = "U8" } },
          { "k", "\xff" },
          "metadata k is" },
    };
    scratch_write("w", "old", 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tensor_entry tensors[2];
        memcpy(tensors, cases[i].tensors, sizeof tensors);
        expect_failure(write_file("w", tensors, 2, cases[i].metadata, zeros), OC_E_ARGUMENT, cases[i].words,
                       cases[i].words);
        char found[4] = "";
        cr_assert(scratch_read("w", found, 3) == 3 && strcmp(found, "old") == 0 && scratch_count() == 1);
    }
}

#else

Test(safetensors, says_that_it_needs_jansson, .init = scratch_open, .fini = scratch_close)
{
    struct safetensors file;
    struct file_writer writer = { .descriptor = -1 };
    scratch_write("w", "", 0);
    expect_failure(safetensors_open(&file, scratch_path("w")), OC_E_UNSUPPORTED, "libjansson-dev", "open");
    expect_failure(safetensors_write_header(&writer, NULL, 0, NULL), OC_E_UNSUPPORTED, "libjansson-dev",
                   "write");
}

#endif
