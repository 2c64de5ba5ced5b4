#include "report/sankey.h"

#include "check.h"
#include "ground/rng.h"
#include "picture.h"

static tr_buf out;

static const tr_sankey_node node[] = {
    {"requests", "100", 0, 0}, {"answered", "75", 1, 0},   {"deferred", "25", 1, 1},
    {"agrees", "74", 2, 2},    {"disagrees", "one", 2, 4}, {"not checked", "no", 2, 5},
    {"teacher", "25", 2, 1},
};
enum { NODES = sizeof node / sizeof *node };

static tr_code draw(const tr_sankey_band *band, size_t n, const char *prefix)
{
    const tr_sankey k = {.title = "Flow",
                         .subtitle = "of <all>",
                         .footnote = "below",
                         .description = "in words",
                         .node = node,
                         .n_nodes = NODES,
                         .band = band,
                         .n_bands = n,
                         .prefix = prefix};

    tr_buf_clear(&out);
    tr_code code = tr_sankey_draw(&k, &out, NULL);
    tr_buf_add_char(&out, 0);
    out.size--;
    return code;
}

static bool written(const char *text)
{
    return strstr(out.data, text) != NULL;
}

/* Height of the nth node that is drawn. */
static double height(int n)
{
    const char *p = out.data;

    for (int i = 0; i <= n && p != NULL; i++)
        p = strstr(p + 1, "<rect class=\"p-node ");
    return p == NULL ? NAN : attribute(p, " height=\"");
}

static void in_proportion(void)
{
    const tr_sankey_band band[] = {{0, 1, 75}, {0, 2, 25}, {1, 3, 74.9}, {1, 4, 0.1}, {2, 6, 25}};

    CHECK(draw(band, 5, "p-") == TR_OK && well_formed(out.data));
    CHECK_NEAR(height(1) / height(2), 3, 0.03);
    CHECK_NEAR(height(3) / height(5), 74.9 / 25, 0.03);
    CHECK_NEAR(height(0), height(1) + height(2), 2);
    CHECK(height(4) == 2); /* what is not zero is seen */
    CHECK(written(">agrees<") && written(">one<") && !written("not checked")); /* zero is not */
    CHECK(collisions(out.data) == 0);
}

static void alone_and_in_a_page(void)
{
    const tr_sankey_band band[] = {{0, 1, 75}, {0, 2, 25}, {1, 3, 75}, {2, 6, 25}};

    CHECK(draw(band, 4, NULL) == TR_OK && well_formed(out.data));
    CHECK(written("xmlns") && written(">of &lt;all&gt;<") && written(">below<") &&
          written("<desc id=\"description\">in words</desc>") && written("class=\"bg\""));
    CHECK(written("prefers-color-scheme:dark") && !written("href") && !written("url("));
    CHECK(collisions(out.data) == 0);
    CHECK(draw(band, 4, "p-") == TR_OK && well_formed(out.data));
    CHECK(!written("xmlns") && !written(">below<") && !written("class=\"bg\""));
    CHECK(!written("class=\"band") && written("class=\"p-band p-f2\""));
}

/* Flows of all kinds, most of them mere threads: no text lies on another. */
static void labels_keep_apart(void)
{
    tr_rng r;

    tr_rng_init(&r, 7);
    for (int run = 0; run < 200; run++) {
        tr_sankey_band band[7] = {{0, 1, 0}, {0, 2, 0}, {1, 3, 0}, {1, 4, 0},
                                  {1, 5, 0}, {2, 5, 0}, {2, 6, 0}};
        for (size_t i = 0; i < 7; i++)
            band[i].amount = tr_rng_unit(&r) < 0.2 ? 0 : pow(10, 12 * tr_rng_unit(&r) - 4);
        band[0].amount += 1;
        CHECK(draw(band, 7, run % 2 ? NULL : "p-") == TR_OK);
        CHECK(well_formed(out.data) && collisions(out.data) == 0);
    }
}

static void nothing_and_refusals(void)
{
    const tr_sankey_band nothing = {0, 1, NAN}, back = {1, 0, 1}, far = {0, NODES, 1},
                         whole = {0, 1, INFINITY};

    CHECK(draw(NULL, 0, NULL) == TR_OK && well_formed(out.data));
    CHECK(draw(&nothing, 1, NULL) == TR_OK && !written("requests"));
    CHECK(draw(&back, 1, NULL) == TR_USAGE);
    CHECK(draw(&far, 1, NULL) == TR_USAGE);
    CHECK(draw(&whole, 1, NULL) == TR_USAGE);
    CHECK(draw(&nothing, TR_SANKEY_BANDS + 1, NULL) == TR_USAGE);
}

int main(void)
{
    tr_buf_init(&out);
    CASE(in_proportion);
    CASE(alone_and_in_a_page);
    CASE(labels_keep_apart);
    CASE(nothing_and_refusals);
    tr_buf_free(&out);
    return CHECK_END;
}
