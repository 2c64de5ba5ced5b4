#include "models/linear.h"

#include <stdlib.h>

void tr_linear_free(tr_linear *m)
{
    free(m->weight);
    *m = (tr_linear){0};
}
