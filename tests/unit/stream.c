#include "gate/stream.h"

#include "check.h"
#include "small.h"

/* Every kind of section; every kind of model is forged in surrogate.c. */
static tr_buf tiny(void)
{
    tr_buf b = small_tiny(60, "svm,lda", NULL);
    CHECK(small_sections(tr_buf_str(&b), 'M', "MODL") == 2);
    CHECK(small_sections(tr_buf_str(&b), 'M', "NEAR") == 1);
    CHECK(small_sections(tr_buf_str(&b), 'M', "GATE") == 2);
    CHECK(small_sections(tr_buf_str(&b), 'M', "CASC") == 2);
    return b;
}

/* The code of reading a copy of exactly these bytes; the message must name the file. */
static tr_code read_bytes(tr_str bytes)
{
    tr_stream s;
    tr_err err = {0};
    tr_buf b = small_exact(bytes);
    tr_code code = tr_stream_take(&s, &b, "s.trm", &err);
    if (code != TR_OK && strncmp(err.message, "s.trm: ", 7))
        printf("# \"%s\"\n", err.message);
    CHECK(code == TR_OK || !strncmp(err.message, "s.trm: ", 7));
    CHECK(!b.data && !b.size); /* taken over */
    tr_stream_free(&s);
    return code;
}

static void what_is_written_is_read(void)
{
    tr_buf log = small_log_of(SMALL_BOTH, 300, 0.2, 1);
    tr_buf bytes = small_gated_from(&log, "svm,logreg_c1,lda,blend", NULL),
           copy = small_copy(tr_buf_str(&bytes));
    tr_stream s;
    tr_err err = {0};
    CHECK(tr_stream_take(&s, &bytes, "small", &err) == TR_OK);
    CHECK(s.n == 4 && s.labels.n == 4 && s.heldout.n == 300 && s.bank.n >= 4);
    CHECK(s.bank.features.text && s.bank.features.vocabulary.n > 100);
    CHECK(tr_features_embedding(&s.bank.features) == SMALL_DIMS && s.bank.near.layers == 1);
    CHECK(!strcmp(s.member[0].name, "logreg_c1") && !strcmp(s.member[3].name, "blend"));
    CHECK(tr_stream_guard(&s, 0) == 1 && tr_stream_guard(&s, 1) == 1 && s.n_cascades == 6);
    for (size_t m = 0; m < s.n; m++) {
        const tr_stream_member *x = &s.member[m];
        CHECK(x->gated && x->score && x->summary && x->mixture.n >= 1);
        CHECK(x->acceptor.mask == SMALL_FEATURES && x->acceptor.offset);
        for (size_t i = 0; i < s.heldout.n; i++) { /* the full acceptor scores what it never saw */
            tr_acceptor_row row = tr_stream_row(&s, m, i);
            CHECK(row.said == &x->summary[i] && row.near == s.heldout.rows[i].near && !row.before);
            if (s.heldout.rows[i].side != TR_SIDE_TRAIN)
                CHECK(x->score[i] == tr_acceptor_score(&x->acceptor, &row));
        }
    }
    tr_stream_free(&s);
    /* from a file, and by a second gating, the same bytes */
    char name[] = "/tmp/tr-stream-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, copy.data, copy.size) == (ssize_t)copy.size);
    close(fd);
    CHECK(tr_stream_read(&s, name, &err) == TR_OK && s.n == 4);
    tr_stream_free(&s);
    unlink(name);
    CHECK(tr_stream_read(&s, name, &err) == TR_SYSTEM);
    tr_stream_free(&s);
    tr_buf again = small_copy(tr_buf_str(&copy));
    again = small_gate(&again);
    CHECK(again.size == copy.size && !memcmp(again.data, copy.data, copy.size));
    tr_buf_free(&again);
    tr_buf_free(&copy);
}

static void every_section_is_needed(void)
{
    static char tags[][5] = {"HEAD", "LABL", "HELD", "VOCB", "DENS", "MODL", "MEMB"};
    tr_buf b = tiny();
    CHECK(read_bytes(tr_buf_str(&b)) == TR_OK);
    for (size_t k = 0; k < sizeof tags / sizeof *tags; k++) {
        tr_buf part = small_reseal(tr_buf_str(&b), 'M', small_without, tags[k]);
        if (part.size >= b.size || read_bytes(tr_buf_str(&part)) != TR_DATA)
            printf("# %s is not needed\n", tags[k]);
        CHECK(part.size < b.size && read_bytes(tr_buf_str(&part)) == TR_DATA);
        tr_buf_free(&part);
    }
    /* the gate is not needed, but a cascade needs that of its first stage */
    char gate[5] = "GATE", cascade[5] = "CASC";
    tr_buf half = small_reseal(tr_buf_str(&b), 'M', small_without, gate);
    CHECK(read_bytes(tr_buf_str(&half)) == TR_DATA);
    tr_buf part = small_reseal(tr_buf_str(&half), 'M', small_without, cascade);
    CHECK(read_bytes(tr_buf_str(&part)) == TR_OK);
    tr_buf_free(&half);
    tr_buf_free(&part);
    tr_buf_free(&b);
}

static int refused_with(const tr_buf *b, small_field f)
{
    tr_buf forged = small_reseal(tr_buf_str(b), 'M', small_set, &f);
    int refused = read_bytes(tr_buf_str(&forged)) == TR_DATA;
    tr_buf_free(&forged);
    if (!refused)
        printf("# %s: %u at %zu was taken\n", f.tag, f.value, f.at);
    return refused;
}

/* Members that are not there, stages that look where they must not. */
static void what_does_not_fit_is_refused(void)
{
    tr_buf b = tiny();
    CHECK(refused_with(&b, (small_field){"GATE", 0, 2}));
    CHECK(refused_with(&b, (small_field){"GATE", 0, 0})); /* two for one member */
    CHECK(refused_with(&b, (small_field){"GATE", 8, SMALL_FEATURES | 1u << TR_ACCEPTOR_OWN}));
    CHECK(refused_with(&b, (small_field){"CASC", 0, 2}));
    CHECK(refused_with(&b, (small_field){"CASC", 4, 9}));
    CHECK(refused_with(&b, (small_field){"CASC", 4, UINT32_MAX}));
    small_field same = {"CASC", 0, 1};
    tr_buf one = small_reseal(tr_buf_str(&b), 'M', small_set, &same);
    CHECK(refused_with(&one, (small_field){"CASC", 4, 1})); /* a member after itself */
    tr_buf_free(&one);
    tr_buf_free(&b);
}

static void every_prefix_and_flipped_bit_is_refused(void)
{
    tr_buf b = tiny();
    small_damage(&b, 61, read_bytes);
    tr_buf_free(&b);
}

static tr_code gate(void *context, tr_buf *forged)
{
    tr_stream s;
    tr_err err = {0};
    tr_code code = tr_stream_take(&s, forged, "forged", &err);
    size_t *gated = context;
    if (code == TR_OK && ++*gated % 16 == 0) {
        int fd = memfd_create("gated", 0);
        tr_writer *w = tr_writer_open_fd(fd, "gated", &err);
        code = tr_learn_gate(&s, SMALL_FEATURES, w, &err);
        tr_writer_abandon(w);
        close(fd);
    }
    tr_stream_free(&s);
    return code;
}

/* Whatever is taken can be gated. */
static void forged_streams_do_no_harm(void)
{
    size_t gated = 0;
    tr_buf b = tiny();
    small_forge(tr_buf_str(&b), 'M', 96, 211, gate, &gated);
    CHECK(gated > 100);
    tr_buf_free(&b);
}

static void origins_come_back(void)
{
    tr_origin o = {.version = "1.2.3",
                   .seed = 7,
                   .rows = 100,
                   .train = 60,
                   .calibration = 30,
                   .test = 10,
                   .held_out = 60,
                   .folds = 5,
                   .grouped = true,
                   .share = 0.25,
                   .left_out_labels = 2,
                   .left_out_rows = 3,
                   .input_key = "query",
                   .label_key = "intent",
                   .digest = "00112233445566778899aabbccddeeff"};
    tr_origin back;
    tr_buf b;
    tr_le_reader r;
    tr_err err = {0};
    tr_buf_init(&b);
    tr_origin_write(&o, &b);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_origin_read(&back, &r, &err) == TR_OK && tr_le_left(&r) == 0);
    CHECK(!memcmp(&o, &back, sizeof o));
    for (size_t size = 0; size < b.size; size++) {
        tr_le_open(&r, b.data, size);
        CHECK(tr_origin_read(&back, &r, &err) == TR_DATA);
    }
    tr_buf_clear(&b);
    o.share = 1.5;
    tr_origin_write(&o, &b);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_origin_read(&back, &r, &err) == TR_DATA);
    tr_buf_free(&b);
}

int main(void)
{
    CASE(what_is_written_is_read);
    CASE(every_section_is_needed);
    CASE(what_does_not_fit_is_refused);
    CASE(every_prefix_and_flipped_bit_is_refused);
    CASE(forged_streams_do_no_harm);
    CASE(origins_come_back);
    return CHECK_END;
}
