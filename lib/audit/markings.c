#include "audit/markings.h"

#include "doors/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Texts that the prior is worth. */
static const double PRIOR = 20;
static const double LEAST_Z = 1.96;
enum { LEAST_TEXTS = 3, LEAST_SEEN = 3 };

/* Texts of both sides of a label (or of all), and those of them that have a word. */
typedef struct {
    uint64_t handled, deferred;
    uint32_t handled_with, deferred_with;
} presence;

static uint32_t at_most(uint32_t n, uint64_t most)
{
    return n < most ? n : (uint32_t)most;
}

/* The lexicon may count a little too much, but no more than there are texts. */
static void look(const tr_audit *a, uint64_t label, uint64_t word, presence *p)
{
    tr_lexicon_look(&a->words, label, word, &p->handled_with, &p->deferred_with);
    p->handled_with = at_most(p->handled_with, p->handled);
    p->deferred_with = at_most(p->deferred_with, p->deferred);
}

/* The log-odds of a side's texts to have the word, where `prior` of PRIOR more have it; adds their
 * variance. Of texts, unlike words, many may have it: those without it count as well. */
static double log_odds(uint32_t with, uint64_t texts, double prior, double *variance)
{
    double has = with + prior, lacks = (double)texts + PRIOR - has;
    *variance += 1 / has + 1 / lacks;
    return log(has / lacks);
}

static double z_of(const presence *p)
{
    double with = (double)p->handled_with + (double)p->deferred_with, variance = 0;
    double prior = PRIOR * (with + 0.5) / ((double)p->handled + (double)p->deferred + 1);
    double handled = log_odds(p->handled_with, p->handled, prior, &variance);
    double deferred = log_odds(p->deferred_with, p->deferred, prior, &variance);
    return (handled - deferred) / sqrt(variance);
}

/* Word i of `split` as text that fits. */
static bool spell(const tr_words *split, size_t i, char word[64])
{
    tr_buf whole;
    tr_buf_init(&whole);
    tr_words_spell(split, i, &whole);
    bool ok = !whole.failed;
    tr_str shown = tr_scan_cut(tr_buf_str(&whole), 63);
    if (ok && shown.size > 0)
        memcpy(word, shown.data, shown.size);
    word[shown.size] = 0;
    tr_buf_free(&whole);
    return ok;
}

static bool goes_before(const tr_marking *a, const tr_marking *b)
{
    if (fabs(a->z) != fabs(b->z))
        return fabs(a->z) > fabs(b->z);
    return strcmp(a->word, b->word) < 0;
}

/* Offers word i of `split` to the list of the side that it marks. */
static bool offer(tr_markings *m, const presence *p, const tr_words *split, size_t i, uint64_t hash)
{
    tr_marking new = {"", p->handled_with, p->deferred_with, z_of(p)};
    tr_marking_list *list = new.z > 0 ? &m->handled : &m->deferred;

    if (!(fabs(new.z) >= LEAST_Z) || (new.z > 0 ? new.handled : new.deferred) < LEAST_TEXTS)
        return true;
    for (uint32_t k = 0; k < list->n; k++)
        if (list->hash[k] == hash)
            return true;
    if (!spell(split, i, new.word))
        return false;
    uint32_t to = list->n;
    while (to > 0 && goes_before(&new, &list->at[to - 1]))
        to--;
    if (to == TR_MARKINGS_WORDS)
        return true;
    uint32_t last = list->n < TR_MARKINGS_WORDS ? list->n++ : TR_MARKINGS_WORDS - 1;
    memmove(&list->at[to + 1], &list->at[to], (last - to) * sizeof *list->at);
    memmove(&list->hash[to + 1], &list->hash[to], (last - to) * sizeof *list->hash);
    list->at[to] = new;
    list->hash[to] = hash;
    return true;
}

/* ---- how many examples have a word ---- */

/* Two slots a word, of which the lesser count is believed. */
static uint8_t *slot_of(uint8_t *seen, uint64_t word, int which)
{
    return &seen[(which ? word >> 32 : word) % TR_MARKINGS_SEEN];
}

static uint8_t seen_in(const uint8_t *seen, uint64_t word)
{
    uint8_t a = *slot_of((uint8_t *)seen, word, 0), b = *slot_of((uint8_t *)seen, word, 1);
    return a < b ? a : b;
}

static int by_hash(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

enum { MOST = 2 * TR_AUDIT_EXAMPLES * TR_LEXICON_WORDS };

/* The words of a label's examples, once for each example that has it, rising; -1: no memory. */
static int example_words(const tr_audit_label *counts, tr_words *split, uint64_t word[MOST])
{
    const tr_sample *side[] = {&counts->handled, &counts->deferred};
    int n = 0;
    for (int s = 0; s < 2; s++)
        for (uint32_t e = 0; e < side[s]->n && e < TR_AUDIT_EXAMPLES; e++) {
            const tr_example *x = &side[s]->at[e];
            int more = tr_lexicon_words(split, tr_str_of(x->text, x->size), word + n);
            if (more < 0)
                return -1;
            n += more;
        }
    qsort(word, (size_t)n, sizeof *word, by_hash);
    return n;
}

bool tr_markings_see(uint8_t *seen, const tr_audit_label *counts, tr_words *split)
{
    uint64_t word[MOST];
    int n = example_words(counts, split, word);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) {
            uint8_t *slot = slot_of(seen, word[i], k);
            if (*slot < UINT8_MAX)
                ++*slot;
        }
    return n >= 0;
}

bool tr_markings_of(const tr_audit *a, const uint8_t *seen, tr_str label,
                    const tr_audit_label *counts, tr_words *split, tr_markings *own,
                    tr_markings *all)
{
    const tr_sample *side[] = {&counts->handled, &counts->deferred};
    const uint64_t key = tr_lexicon_label(label);
    presence here = {counts->teacher.handled.n, counts->teacher.deferred.n, 0, 0};
    presence anywhere = {0};
    uint64_t examples[MOST];
    const int n = example_words(counts, split, examples);

    memset(own, 0, sizeof *own);
    if (n < 0)
        return false;
    for (int b = 0; b < TR_AUDIT_LENGTHS; b++) { /* all rows with a text */
        anywhere.handled += a->length[b].handled;
        anywhere.deferred += a->length[b].deferred;
    }
    for (int s = 0; s < 2; s++)
        for (uint32_t e = 0; e < side[s]->n; e++) {
            if (!tr_words_split(split, tr_str_of(side[s]->at[e].text, side[s]->at[e].size)))
                return false;
            for (size_t i = 0; i < split->n; i++) {
                uint64_t word = tr_words_hash(split, i);
                const uint64_t *first =
                    bsearch(&word, examples, (size_t)n, sizeof *examples, by_hash);
                bool twice = first && ((first > examples && first[-1] == word) ||
                                       (first + 1 < examples + n && first[1] == word));
                look(a, key, word, &here);
                look(a, 0, word, &anywhere);
                if ((twice && !offer(own, &here, split, i, word)) ||
                    (seen_in(seen, word) >= LEAST_SEEN && !offer(all, &anywhere, split, i, word)))
                    return false;
            }
        }
    return true;
}

/* ---- near pairs ---- */

typedef struct {
    uint64_t hash[TR_LEXICON_WORDS]; /* rising */
    int n;
} word_set;

static bool set_of(const tr_example *e, tr_words *split, word_set *set)
{
    set->n = tr_lexicon_words(split, tr_str_of(e->text, e->size), set->hash);
    if (set->n < 0)
        return false;
    qsort(set->hash, (size_t)set->n, sizeof *set->hash, by_hash);
    return true;
}

static double jaccard(const word_set *a, const word_set *b)
{
    int shared = 0;
    for (int i = 0, j = 0; i < a->n && j < b->n;) {
        shared += a->hash[i] == b->hash[j];
        uint64_t x = a->hash[i], y = b->hash[j];
        i += x <= y;
        j += y <= x;
    }
    return shared == 0 ? 0 : (double)shared / (a->n + b->n - shared);
}

bool tr_markings_near(const tr_audit_label *counts, tr_words *split, const tr_example **handled,
                      const tr_example **deferred, double *near)
{
    word_set of_handled, of_deferred[TR_AUDIT_EXAMPLES];
    const uint32_t n = counts->deferred.n < TR_AUDIT_EXAMPLES ? counts->deferred.n
                                                              : TR_AUDIT_EXAMPLES;

    *handled = *deferred = NULL;
    *near = 0;
    for (uint32_t d = 0; d < n; d++)
        if (!set_of(&counts->deferred.at[d], split, &of_deferred[d]))
            return false;
    /* In the order of keys: of equal pairs the first stays. */
    for (uint32_t h = 0; n > 0 && h < counts->handled.n; h++) {
        if (!set_of(&counts->handled.at[h], split, &of_handled))
            return false;
        for (uint32_t d = 0; d < n; d++) {
            double share = jaccard(&of_handled, &of_deferred[d]);
            if (share > *near) {
                *near = share;
                *handled = &counts->handled.at[h];
                *deferred = &counts->deferred.at[d];
            }
        }
    }
    return true;
}
