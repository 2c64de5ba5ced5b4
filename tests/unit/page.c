#include "report/page.h"

#include "check.h"
#include "figured.h"

static tr_buf out;

/* Elements nest; void ones and pictures' empty ones are left out of it. */
static bool nests(const char *p)
{
    static const char *name[64];
    static size_t size[64];
    size_t depth = 0;

    while ((p = strchr(p, '<')) != NULL) {
        bool closing = p[1] == '/';
        const char *start = p + 1 + closing, *end = strchr(start, '>');
        size_t n = strcspn(start, " />\n");
        if (end == NULL)
            return false;
        bool empty = end[-1] == '/' || *start == '!' || (n == 4 && !memcmp(start, "meta", 4)) ||
                     (n == 3 && !memcmp(start, "wbr", 3));
        if (closing && (depth-- == 0 || size[depth] != n || memcmp(name[depth], start, n) != 0)) {
            printf("# closes what is not open: %.40s\n", p);
            return false;
        }
        if (!closing && !empty) {
            if (depth == 64)
                return false;
            name[depth] = start;
            size[depth++] = n;
        }
        p = end;
    }
    return depth == 0;
}

static bool make(void)
{
    tr_buf_clear(&out);
    if (tr_page_write(&report, &out, NULL) != TR_OK)
        return false;
    tr_buf_add_char(&out, 0);
    return !out.failed && nests(out.data) && !strstr(out.data, "<script") &&
           !strstr(out.data, "http:") && !strstr(out.data, "https:") && !strstr(out.data, "nan");
}

static size_t count(const char *text)
{
    size_t n = 0;

    for (const char *p = out.data; (p = strstr(p, text)) != NULL; p++)
        n++;
    return n;
}

#define S "\xc2\xa0"

static void the_frame(void)
{
    figure_plain();
    CHECK(make());
    CHECK(strncmp(out.data, "<!DOCTYPE html>\n<html lang=\"en\">", 32) == 0);
    CHECK(count("content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;\"") == 1);
    CHECK(count("<h1") == 1 && count("<main") == 1 && count("class=\"skip\"") == 1);
    CHECK(count("<svg") == 3 && count("<table") == count("<caption"));
    CHECK(count("prefers-color-scheme:dark") == 4 && count("@media print") == 1);
}

static void the_verdict(void)
{
    static const struct {
        tr_verdict verdict;
        double found;
        const char *title, *class;
    } all[] = {
        {TR_VERDICT_PROVEN, 0.95, "The promise is kept, and proven anew", "verdict good"},
        {TR_VERDICT_KEPT, 0.95, "The promise is kept", "verdict good"},
        {TR_VERDICT_KEPT, 0.89, "Below the promise, within chance", "verdict warn"},
        {TR_VERDICT_OPEN, 0.89, "Below the promise, within chance", "verdict warn"},
        {TR_VERDICT_CONTRADICTED, 0.8, "The promise is contradicted", "verdict bad"},
        {TR_VERDICT_UNTESTED, 0.9, "The promise could not be tested", "verdict"},
        {TR_VERDICT_NONE, 0.9, "What is answered here, and how well", "verdict"},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char heading[120], class[60];
        figure_plain();
        figures.test.verdict = all[i].verdict;
        figures.agreement = estimate(all[i].found, 800);
        audit.promise.there = all[i].verdict != TR_VERDICT_NONE;
        snprintf(heading, sizeof heading, "<h1>%s</h1>", all[i].title);
        snprintf(class, sizeof class, "<div class=\"%s\">", all[i].class);
        CHECK(make() && count(heading) == 1 && count(class) == 1);
        CHECK(count("class=\"goal\"") == audit.promise.there);
    }
}

/* What may not be said as if all were well. */
static void few_rows_and_another_policy(void)
{
    figure_plain();
    figures.test.verdict = TR_VERDICT_KEPT;
    figures.test.few = true;
    audit.below = 1234;
    CHECK(make() && count("<h1>Not proven false, on too few rows</h1>") == 1);
    CHECK(count("<div class=\"verdict\">") == 1 && count("The promise is kept") == 0);
    CHECK(count("Beware: 1,234 answers score below this policy&#39;s threshold") == 1);
    audit.below = 0;
    CHECK(make() && count("Beware") == 0);
}

/* What the curve's caption says holds of this curve. */
static void captions_of_the_curve(void)
{
    static const char unknown[] = "What a lower threshold would answer is not known";

    figure_plain(); /* goes on beyond the ring */
    CHECK(make() && count("The ring is where") == 1 && count(unknown) == 0);
    figures.n_curve = figures.operating + 1;
    CHECK(make() && count("The ring is where") == 1 && count(unknown) == 1);
    figures.operating = figures.n_curve;
    audit.handled = 0;
    CHECK(make() && count("The ring is where") == 0 && count(unknown) == 0);
    CHECK(count("Nothing was answered: the curve is") == 1);
    for (size_t i = 0; i < figures.n_curve; i++)
        figures.curve[i].agreement = estimate(0, 0);
    CHECK(make() && count("so there is nothing to draw") == 1 && count("<svg") == 2);
}

static void labels_that_only_the_surrogate_said(void)
{
    figure_plain();
    figures.label = calloc(1, sizeof *figures.label);
    figures.n_labels = figures.label != NULL;
    CHECK(figures.n_labels == 1);
    figures.label[0].group = group("", 0.5, 0.5);
    figures.label[0].group.pooled = 59;
    CHECK(make() && count("59 others together") == 1);
    figures.label[0].group.rows = 0;
    CHECK(make() && count("others together") == 0 && count("No decision has a teacher") == 1);
}

static void the_deferred_without_a_label(void)
{
    figure_plain();
    CHECK(make() && count("no teacher&#39;s label is known here") == 0);
    audit.tally.deferred = rows(150);
    CHECK(make() && count("Of 50 deferred requests no teacher&#39;s label is known here") == 1);
}

static void the_interval_on_its_line(void)
{
    figure_plain(); /* from 85 to 100 %: found 95, 93 to 97, promised 90 */
    CHECK(make());
    CHECK(count("class=\"range\" style=\"left:53.33%;width:26.67%\"") == 1);
    CHECK(count("class=\"goal\" style=\"left:33.33%\"") == 1);
    CHECK(count("class=\"dot\" style=\"left:66.67%\"") == 1);
    CHECK(count("From 85" S "% to 100 %: found 95.0" S "%, 95 % interval 93.0 to 97.0" S
                "%, promised 90" S "%.") == 1);
    audit.promise.overall = true; /* of all traffic: another figure */
    CHECK(make() && count("found 96.0" S "%") == 1);
}

static void what_is_not_there(void)
{
    figure_nothing();
    CHECK(make());
    CHECK(count("There were no decisions.") == 1 && count("No decision has a teacher") == 1);
    CHECK(count("No answer was checked.") == 1 && count("<svg") == 0 && count("<table") == 0);
    CHECK(!strstr(out.data, "id=\"truth\"") && !strstr(out.data, "id=\"money\"") &&
          !strstr(out.data, "id=\"changes\""));
    for (const char *p = out.data; (p = strstr(p, "href=\"#")) != NULL; p++) {
        char id[40];
        snprintf(id, sizeof id, "id=\"%.*s\"", (int)strcspn(p + 7, "\""), p + 7);
        CHECK(count(id) == 1); /* every link leads somewhere */
    }
}

static void truth_money_and_changes(void)
{
    tr_move move[] = {
        {TR_MOVED_COVERAGE, {NULL, 0}, estimate(0.7, 90), estimate(0.8, 99), 0.5, false},
        {TR_MOVED_AGREEMENT, {"l<abel", 6}, estimate(0.9, 90), estimate(0.7, 99), 1e-7, true},
        {TR_MOVED_SHARE, {"unmoved", 7}, estimate(0.9, 90), estimate(0.9, 99), 1, false}};
    const tr_comparison comparison = {.move = move, .n = 3, .moved = 1};

    figure_plain();
    figures.has_truth = true;
    figures.accuracy[TR_ANSWERER_MIX] = (tr_accuracy){estimate(0.744, 900), 0.79};
    money = (tr_money){.there = true,
                       .priced = true,
                       .errors_priced = true,
                       .prices = {1e5, 0.002, 0.05},
                       .calls_saved = 80000,
                       .saved = 160,
                       .errors = 4000,
                       .errors_cost = 200,
                       .net = -40,
                       .has_best = true,
                       .best = 3,
                       .best_net = 12.5};
    report.comparison = &comparison;
    CHECK(make());
    CHECK(count("<dd class=\"big\">74.4" S "%</dd>") == 1 && count(">0.790<") == 1);
    CHECK(count("<span class=\"value\">80,000</span>") == 1 && count(">-40.00<") == 2);
    CHECK(count("would net 12.50 a day") == 1);
    CHECK(count("1 of 3 comparisons moved beyond chance") == 1);
    CHECK(count("<bdi>l&lt;abel</bdi>") == 1 && count(">down<") == 1 &&
          count("<" S "0.0001") == 0 && count("&lt;" S "0.0001") == 1);
    CHECK(count("within chance") == 1 && !strstr(out.data, "unmoved"));
    money.best = figures.n_curve;
    CHECK(make() && count("cheapest to answer nothing") == 1);
}

/* n labels of these names, one after the other. */
static void figure_labels(const tr_audit_label *counts, const char *const *names, size_t n_names,
                          size_t n)
{
    figures.label = calloc(n, sizeof *figures.label);
    figures.n_labels = figures.label != NULL ? n : 0;
    for (size_t i = 0; i < figures.n_labels; i++) {
        figures.label[i].group = group(names[i % n_names], i % 7 ? 0.8 : 0, 0.9);
        figures.label[i].counts = counts;
        figures.label[i].answered = i;
        figures.label[i].confirmed = estimate(0.9, i);
    }
}

/* Labels and texts that are no words; more of them than a page should have. */
static void hostile_texts(void)
{
    static const char *const names[] = {"<script>alert(1)</script>",
                                        "",
                                        "\"><img src=x>",
                                        "\xe2\x80\xae rtl",
                                        "</style></svg>",
                                        "a_b",
                                        "\x1b[31m\xff"};
    static char long_name[5000];
    const char *one = long_name;
    tr_example text = {
        .text = (char[]){"</bdi><h1>&amp;"}, .size = 15, .whole = 100000, .score = 5};
    tr_audit_label counts = {.teacher = {rows(2000), rows(1900), rows(10000)},
                             .handled = {&text, 1},
                             .deferred = {&text, 1}};
    const tr_sample sample = {&text, 1};

    figure_plain();
    figure_labels(&counts, names, 7, 1000);
    figures.label[1].near_handled = figures.label[1].near_deferred = &text;
    figures.label[999].group.pooled = 40;
    figures.label[0].n_handled = 1;
    figures.label[0].handled[0] = (tr_marking){"<b>", 1234, 5, 9};
    for (int i = 0; i < 30; i++)
        figures.pair[i] = (tr_pair_figures){
            {names[i % 7], strlen(names[i % 7])}, {names[2], strlen(names[2])}, 7, 0.1, 2, &sample};
    figures.n_pairs = 30;
    figures.pairs_in_all = 1234;
    CHECK(make() && count("<h1") == 1 && count("<img") == 0 && count("alert(1)</") == 0);
    CHECK(count("&lt;script&gt;alert(1)&lt;/<wbr>script&gt;") > 50 && count("(empty)") > 50);
    CHECK(count("<bdi>&lt;/bdi&gt;&lt;h1&gt;&amp;amp;</bdi>") > 700);
    CHECK(count("the beginning of 100,000 bytes") > 700);
    CHECK(count("<li title=\"1,234 of 2,000 answered texts, 5 of 10,000 deferred texts\">"
                "<bdi>&lt;b&gt;</bdi><small>62 : 0.1</small>") == 1);
    CHECK(count("The next 375 labels") == 1 && count("600 more labels are left out") == 1);
    CHECK(count("5 more pairs") == 1 && count("1,204 rarer pairs") == 1);
    CHECK(out.size < 3000000);

    memset(long_name, 'x', sizeof long_name - 1);
    figure_plain();
    figure_labels(&counts, &one, 1, 1);
    CHECK(make() && count("xxxx</bdi>\xe2\x80\xa6") == 2 && out.size < 60000);
}

int main(void)
{
    tr_buf_init(&out);
    CASE(the_frame);
    CASE(the_verdict);
    CASE(few_rows_and_another_policy);
    CASE(captions_of_the_curve);
    CASE(labels_that_only_the_surrogate_said);
    CASE(the_deferred_without_a_label);
    CASE(the_interval_on_its_line);
    CASE(what_is_not_there);
    CASE(truth_money_and_changes);
    CASE(hostile_texts);
    figure_free();
    tr_buf_free(&out);
    return CHECK_END;
}
