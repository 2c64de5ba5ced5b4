/* A report on one screen: the verdicts in words, and nothing that leaves the screen. */
#include "check.h"

#include "report/columns.h"
#include "report/terminal.h"

#include <math.h>
#include <string.h>

static tr_audit audit;
static tr_figures figures;
static tr_money money;
static tr_report report;
static tr_buf out;

static tr_estimate share(double value, uint64_t n)
{
    return (tr_estimate){value, value - 0.01, value + 0.01, n, (double)n, TR_METHOD_EXACT};
}

static tr_estimate unknown(void)
{
    return (tr_estimate){NAN, NAN, NAN, 0, 0, TR_METHOD_NONE};
}

/* 1,000 rows, 800 handled, 720 of them agree; 85 % was promised. */
static void begin(void)
{
    memset(&audit, 0, sizeof audit);
    memset(&figures, 0, sizeof figures);
    memset(&money, 0, sizeof money);
    audit.promise = (tr_promise){.there = true, .alpha = 0.85, .delta = 0.05};
    audit.handled = 800;
    audit.deferred = audit.why[TR_WHY_UNSAID] = 200;
    figures.audit = &audit;
    figures.rows = 1000;
    figures.coverage = share(0.8, 1000);
    figures.agreement = share(0.9, 800);
    figures.overall = share(0.92, 1000);
    figures.expected_coverage = unknown();
    figures.test = (tr_test){TR_VERDICT_KEPT, 800, 720, 0.9, false, 1, false, false};
    figures.n_stages = 1;
    figures.slices_by_length = true;
    report = (tr_report){&figures, NULL, &money};
}

static bool verdict(const char *wanted)
{
    tr_buf_clear(&out);
    tr_terminal_verdict(&report, &out);
    tr_buf_add_char(&out, '\0');
    bool same = out.data && !strcmp(out.data, wanted);
    if (!same)
        printf("# %s\n", out.data ? out.data : "");
    return same;
}

static bool says(const char *text)
{
    tr_err err;
    tr_buf_clear(&out);
    bool ok = tr_terminal_write(&report, &out, &err) == TR_OK;
    tr_buf_add_char(&out, '\0');
    return ok && out.data && strstr(out.data, text);
}

static void verdicts(void)
{
    begin();
    CHECK(verdict("Promise kept: 90.0 % of 800 answers agree with the teacher (95 % interval 89.0 "
                  "to 91.0 %); 85 % was promised."));
    figures.test.verdict = TR_VERDICT_PROVEN;
    CHECK(verdict("Promise kept: 90.0 % of 800 answers agree with the teacher (95 % interval 89.0 "
                  "to 91.0 %); 85 % was promised, and these rows prove it anew."));
    audit.promise.alpha = 0.925;
    figures.test = (tr_test){TR_VERDICT_CONTRADICTED, 800, 720, 0.012, false, 1, false, false};
    CHECK(verdict("CONTRADICTED: 90.0 % of 800 answers agree with the teacher (95 % interval 89.0 "
                  "to 91.0 %); 92.5 % was promised, and chance would give so few with p = 0.012 "
                  "(limit 0.05)."));
    figures.test.chance = 1e-30;
    CHECK(says("so few with p < 0.0001"));
    figures.test = (tr_test){TR_VERDICT_OPEN, 800, 720, 0.3, false, 1, false, false};
    CHECK(verdict("Not proven false: 90.0 % of 800 answers agree with the teacher (95 % interval "
                  "89.0 to 91.0 %); 92.5 % was promised, and chance may explain the difference (p "
                  "= 0.3)."));
    /* of those drawn enough agree, of all not: not to be called kept */
    figures.test.verdict = TR_VERDICT_KEPT;
    CHECK(verdict("Not proven false: 90.0 % of 800 answers agree with the teacher (95 % interval "
                  "89.0 to 91.0 %); 92.5 % was promised."));
}

static void verdicts_that_know_less(void)
{
    begin();
    figures.agreement = share(0.9, 80);
    figures.test = (tr_test){TR_VERDICT_KEPT, 40, 36, 0.9, true, 0.05, false, false};
    CHECK(verdict("Promise kept: 90.0 % of 800 answers agree with the teacher (95 % interval 89.0 "
                  "to 91.0 %, from the 80 whose teacher label is known); 85 % was promised. Tested "
                  "on 40 rows drawn so that each was as likely to be known: 36 agree."));
    figures.agreement = unknown();
    figures.test = (tr_test){.verdict = TR_VERDICT_UNTESTED};
    CHECK(verdict("Untested: no teacher label is known of any answer; 85 % was promised."));
    audit.unweighable = 800;
    CHECK(verdict("Untested: 800 teacher labels are known, but by their propensity of 0 they could "
                  "not have come to be known, so they say nothing about chance; 85 % was "
                  "promised."));
    CHECK(says("propensity and shadow_share") && says("tr-route --shadow .05"));
    audit.unweighable = 0;
    CHECK(says("let the teacher label a share"));
    audit.handled = 0;
    CHECK(verdict("Untested: nothing was handled; 85 % was promised."));
    figures.test.verdict = TR_VERDICT_NONE;
    audit.promise.policy = true;
    CHECK(verdict("No promise, the policy was refused and defers everything."));
    CHECK(says("a policy that may answer"));
    audit.promise = (tr_promise){.alpha = 0.85};
    CHECK(verdict("No promise to hold it against; nothing was handled."));
    audit.handled = 1;
    CHECK(verdict("No promise to hold it against; no teacher label is known of the answer."));
    figures.agreement = share(0.9, 800);
    audit.handled = 800;
    CHECK(verdict("No promise to hold it against: 90.0 % of 800 answers agree with the teacher (95 "
                  "% interval 89.0 to 91.0 %)."));
    /* a promise about all traffic is held against all traffic */
    audit.promise.there = audit.promise.overall = true;
    figures.test.verdict = TR_VERDICT_KEPT;
    CHECK(verdict("Promise kept: 92.0 % of 1,000 requests get the teacher's label (95 % interval "
                  "91.0 to 93.0 %); 85 % was promised."));
}

/* Every number has its verb and noun. */
static void of_one_answer(void)
{
    begin();
    audit.handled = 1;
    figures.agreement = share(1, 1);
    figures.test = (tr_test){.verdict = TR_VERDICT_KEPT, .rows = 1, .agreed = 1, .few = true};
    CHECK(verdict("Not proven false: 100.0 % of 1 answer agrees with the teacher (95 % interval "
                  "99.0 to 101.0 %); 85 % was promised, too few rows to say more."));
    CHECK(!says("nothing has to be done") && says("more teacher labels"));
    audit.unknown = audit.unweighable = 1;
    CHECK(says("1 answer without a teacher label; 1 label left out"));
}

static void another_policy_decided(void)
{
    begin();
    CHECK(!says("Beware"));
    audit.below = 1;
    CHECK(says("was promised.\nBeware: 1 answer scores below"));
    audit.below = 1234;
    CHECK(says("\nBeware: 1,234 answers score below this policy's threshold;"));

    tr_comparison c = {NULL, 0, 0, true, false, {0.9, NAN}};
    report.comparison = &c;
    CHECK(says("Baseline    Beware: it is of another promise, held against 90 %; this log is"));
    CHECK(says("\n            nothing in it can be compared\n"));
    c = (tr_comparison){NULL, 1, 0, false, true, {0.9, 0.9}};
    CHECK(says("Baseline    Beware: it is of another policy\n            nothing moved beyond "
               "chance in 1 comparison\n"));
    c.other_policy = false;
    CHECK(says("Baseline    nothing moved"));
}

static void what_prices_say(void)
{
    begin();
    money = (tr_money){.there = true, .errors_priced = true, .calls_saved = 1, .errors = 1};
    money.errors_cost = 0.5;
    CHECK(says("Money       1 call a day saved; 1 answer a day that the teacher would not give\n"
               "            costs 0.50\n"));
    CHECK(says("nothing has to be done"));
    money.priced = money.has_best = money.elsewhere = money.stricter = true;
    money.net = -0.5;
    money.best_alpha = 0.98;
    figures.n_curve = 1;
    CHECK(says(": net -0.50"));
    CHECK(
        says("Next        by the prices a stricter threshold is cheaper: fit with --alpha .98\n"));
    money.best_alpha = 0.85; /* as it is */
    CHECK(says("Next        by the prices a stricter threshold is cheaper\n"));
    money.best = figures.n_curve;
    CHECK(says("cheapest to answer nothing"));
    money.errors = NAN; /* nobody knows them */
    CHECK(!says("cost") && !says("nan"));
}

static void coverage_beside_the_certified(void)
{
    begin();
    CHECK(says("Requests    1,000 in all: 800 handled (80.0 %; 79.0 to 81.0), 200 deferred.\n"));
    figures.expected_coverage.value = 0.795;
    CHECK(says("79.5 %: no"));
    figures.expected_coverage.value = 0.9;
    CHECK(says("has the traffic changed?"));
    CHECK(!says("Deferred")); /* no reason is known */
    audit.why[TR_WHY_UNSAID] = 50;
    audit.why[TR_WHY_NOVEL] = 150;
    CHECK(says("Deferred    150 unlike the log, 50 unsaid why\n"));
}

/* Everything that there may be at once, and texts that want to break out. */
static tr_label_figures label[40];
static tr_group slice[40];
static tr_move move[9];
static tr_comparison comparison = {.move = move, .n = 9, .moved = 9};
static tr_example example;
static tr_sample sample = {&example, 1};
static char nasty[] = "\x1b[2J\xe2\x80\xae</b>\r\n\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e "
                      "\xf0\x9f\x99\x82 a very long text that will not fit on any line of it, "
                      "whatever the terminal may be like";

static void crowd(void)
{
    const tr_group group = {tr_str_c(nasty), 0,   50, share(0.123, 1000), share(1, 50),
                            share(0.5, 25),  0.01};
    begin();
    for (size_t i = 0; i < 40; i++)
        label[i].group = slice[i] = group;
    label[39].group.pooled = slice[39].pooled = 12345;
    for (size_t i = 0; i < 9; i++)
        move[i] = (tr_move){
            i % 3, i ? tr_str_c(nasty) : (tr_str){0}, share(0.5, 9), share(0.7, 9), 1e-9, true};
    example = (tr_example){1, nasty, sizeof nasty - 1, sizeof nasty - 1, 500000};
    for (size_t i = 0; i < TR_FIGURES_PAIRS; i++)
        figures.pair[i] =
            (tr_pair_figures){tr_str_c(nasty), tr_str_c("b"), 1234567890, 0.1, 3, &sample};
    for (int i = 0; i < TR_FIGURES_WORDS; i++) {
        strcpy(figures.handled[i].word, "aLongishWordOfManyLettersThatIsCut");
        strcpy(figures.deferred[i].word, "\xe6\x97\xa5\x1b[0m");
    }
    figures.n_handled = figures.n_deferred = TR_FIGURES_WORDS;
    figures.label = label;
    figures.n_labels = 40;
    figures.slice = slice;
    figures.n_slices = 40;
    figures.n_pairs = figures.pairs_in_all = TR_FIGURES_PAIRS;
    figures.slices_by_length = false;
    memset(audit.by, 'k', sizeof audit.by - 1);
    figures.n_stages = 2;
    figures.stage[0] = figures.stage[1] = group;
    figures.has_truth = true;
    for (int k = 0; k < TR_ANSWERERS; k++)
        figures.accuracy[k] = (tr_accuracy){share(0.8, 1000), 0.79};
    for (int k = 0; k < TR_WHY_COUNT; k++)
        audit.why[k] = 1234567890;
    audit.handled = audit.deferred = figures.rows = 12345678901;
    audit.unknown = audit.unknowable = audit.unweighable = 1234567890;
    figures.expected_coverage.value = 0.9;
    figures.test = (tr_test){TR_VERDICT_CONTRADICTED, 800, 720, 0.012, true, 0.3, false, false};
    figures.agreement.method = TR_METHOD_WILSON;
    money = (tr_money){.there = true,
                       .priced = true,
                       .errors_priced = true,
                       .prices = {1e9, 1, 1},
                       .calls_saved = 1e9,
                       .saved = 1e10,
                       .errors = 1e9,
                       .errors_cost = 1e10,
                       .net = -1e9,
                       .has_best = true,
                       .best_net = 1e9};
    figures.n_curve = 1;
    figures.curve[0] = (tr_curve_point){0.5, 0.9, share(0.8, 700)};
    report.comparison = &comparison;
}

static void one_screen_and_no_more(void)
{
    size_t lines = 0;
    crowd();
    CHECK(says("CONTRADICTED"));
    out.size--; /* the NUL */
    for (const char *at = out.data, *end; at < out.data + out.size; at = end + 1, lines++) {
        end = memchr(at, '\n', out.size - (size_t)(at - out.data));
        CHECK(end != NULL);
        if (!end)
            return;
        CHECK(tr_columns_width(tr_str_of(at, (size_t)(end - at))) <= TR_COLUMNS);
        CHECK(end == at || end[-1] != ' ');
    }
    CHECK(lines > 30 && lines <= 45);
    for (size_t i = 0; i < out.size; i++)
        CHECK((unsigned char)out.data[i] >= ' ' || out.data[i] == '\n');
    CHECK(!strstr(out.data, "\xe2\x80\xae"));
    CHECK(strstr(out.data, "Worst labels (") && strstr(out.data, " of 39)"));
    CHECK(strstr(out.data, "of all traffic: 50.0 % -> 70.0 %"));
    CHECK(strstr(out.data, "Next "));
}

static void few_are_shown_whole(void)
{
    crowd();
    begin();
    figures.label = label;
    figures.n_labels = 12;
    label[11].group.pooled = 7;
    CHECK(says("\nWorst labels                  traffic"));
    CHECK(says("  (7 others)  "));
    label[11].group.pooled = 1;
    CHECK(says("  (1 other)  "));
    /* those without a wrong answer are not the worst */
    label[11].group.wrong = 0;
    for (int i = 3; i < 11; i++)
        label[i].group.wrong = 0;
    CHECK(says("\nWorst labels (3 of 11)        traffic") && !says("(1 other)"));
    for (int i = 0; i < 3; i++)
        label[i].group.wrong = NAN;
    label[11].group.wrong = 0.1;
    CHECK(says("\nWorst labels                  traffic") && says("\n  (1 other)  "));
    label[11].group.wrong = 0;
    CHECK(!says("Worst labels"));
    figures.n_labels = 0;
    CHECK(!says("Worst labels"));
    /* pairs of what was never answered */
    figures.n_pairs = 3;
    figures.pair[0].rows = 1;
    figures.pair[1].rows = figures.pair[2].rows = 0;
    CHECK(says("Confused") && !says("\n        0  "));
    figures.pair[0].rows = 0;
    CHECK(!says("Confused"));
}

static void what_to_withhold(void)
{
    begin();
    figures.test.verdict = TR_VERDICT_CONTRADICTED;
    CHECK(says("Next        fit a new policy on a log that has these decisions\n"));
    figures.withhold[0] = tr_str_c("late");
    figures.withhold[1] = tr_str_c("lost");
    figures.n_withhold = 2;
    CHECK(says("--defer-label can withhold late, lost\n"));
}

static void keys_that_no_row_has(void)
{
    begin();
    strcpy(audit.by, "nope\x1b");
    figures.slices_by_length = false;
    figures.slice = slice;
    figures.n_slices = 1;
    CHECK(says("no row has the key nope\xef\xbf\xbd (--by)") && !says("\nBy nope"));
    CHECK(says("no row has a text"));
    audit.slices.n = 1;
    audit.inputs = 1;
    CHECK(!says("no row has") && says("\nBy nope"));
}

int main(void)
{
    tr_buf_init(&out);
    CASE(verdicts);
    CASE(verdicts_that_know_less);
    CASE(of_one_answer);
    CASE(another_policy_decided);
    CASE(what_prices_say);
    CASE(coverage_beside_the_certified);
    CASE(one_screen_and_no_more);
    CASE(few_are_shown_whole);
    CASE(what_to_withhold);
    CASE(keys_that_no_row_has);
    tr_buf_free(&out);
    return CHECK_END;
}
