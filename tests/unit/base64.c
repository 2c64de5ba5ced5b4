#include "doors/base64.h"

#include "ground/rng.h"

#include "check.h"

static tr_buf out;

static bool taken(tr_str text)
{
    tr_buf_clear(&out);
    tr_buf_add_c(&out, "before");
    return tr_base64_take(&out, text);
}

/* The examples of RFC 4648, section 10, and bytes that need all bits. */
static void known(void)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xFB\xEF\xBE\xFF\xFF\xFF", "++++////"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tr_buf_clear(&out);
        tr_buf_add_c(&out, "x");
        tr_base64_put(&out, tr_str_c(cases[i].bytes));
        CHECK(out.data[0] == 'x' && !out.failed);
        CHECK(tr_str_equal(tr_str_of(out.data + 1, out.size - 1), tr_str_c(cases[i].text)));
        CHECK(taken(tr_str_c(cases[i].text)));
        CHECK(out.size == 6 + strlen(cases[i].bytes) && memcmp(out.data, "before", 6) == 0 &&
              memcmp(out.data + 6, cases[i].bytes, out.size - 6) == 0);
    }
    CHECK(taken(tr_str_of(NULL, 0)) && out.size == 6);
}

static void round_trips(void)
{
    unsigned char bytes[70];
    tr_buf text;
    tr_rng rng;
    tr_buf_init(&text);
    tr_rng_init(&rng, 1);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        for (size_t i = 0; i < n; i++)
            bytes[i] = (unsigned char)tr_rng_below(&rng, 256);
        tr_buf_clear(&text);
        tr_base64_put(&text, tr_str_of((const char *)bytes, n));
        CHECK(text.size == (n + 2) / 3 * 4);
        CHECK(taken(tr_buf_str(&text)) && out.size == n + 6 && !memcmp(out.data + 6, bytes, n));
    }
    tr_buf_free(&text);
}

static void refusals(void)
{
    static const char *const bad[] = {
        "Z",        "Zg",   "Zg=",      "Zg==\n",   "=",        "====",     "Z===",
        "Zh==",     "Zm9=", "Zg==Zg==", "Zm8=Zm8=", "Zm=v",     "=m9v",     "Z=9v",
        "Zm9v====", "Zm9 ", "Zm-_",     "Zm9\x80",  "Zm9v Zm9", "Zm9vZ!9v", "Zg=A",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bool well = !taken(tr_str_c(bad[i])) && out.size == 6 && !out.failed;
        if (!well)
            printf("# %s\n", bad[i]);
        CHECK(well);
    }
    CHECK(!taken(tr_str_of("Zm\0v", 4)));
    /* every byte that is no digit, at every place */
    for (int place = 0; place < 8; place++) {
        int digits = 0;
        for (int c = 0; c < 256; c++) {
            char text[] = "Zm9vYmFy";
            text[place] = (char)c;
            digits += taken(tr_str_of(text, 8));
        }
        CHECK(digits == 64);
    }
}

int main(void)
{
    tr_buf_init(&out);
    CASE(known);
    CASE(round_trips);
    CASE(refusals);
    tr_buf_free(&out);
    return CHECK_END;
}
