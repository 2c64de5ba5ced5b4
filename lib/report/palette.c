#include "report/palette.h"

#include <string.h>

const char tr_palette_style[] =
    "\n"
    "  .picture{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
    "font-size:13px;fill:#1f2328}\n"
    "  .bg{fill:#fff}\n"
    "  .title{font-size:19px;font-weight:600}\n"
    "  .quiet{fill:#59636e}\n"
    "  .small{font-size:11.5px;fill:#59636e}\n"
    "  .halo{stroke:#fff;stroke-width:4px;stroke-linejoin:round;paint-order:stroke}\n"
    "  .grid{stroke:#e6e8eb}\n"
    "  .axis{stroke:#8c959f}\n"
    "  .leader{stroke:#8c959f;fill:none}\n"
    "  .ring{fill:none;stroke:#1f2328;stroke-width:1.6}\n"
    "  .line{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    "  .stair{fill:none;stroke-width:2.6;stroke-linejoin:round}\n"
    "  .dash{fill:none;stroke-width:1.8;stroke-dasharray:6 4;stroke-linejoin:round}\n"
    "  .dash.s3,.dash.s5{stroke-dasharray:2 3.5}\n" /* seen where it meets another */
    "  .hole{fill:#fff;stroke-width:2}\n"
    "  .area{opacity:.16}\n"
    "  .band{opacity:.38}\n"
    "  .name{font-size:15px;font-weight:600}\n"
    "  .number{font-size:14px}\n"
    "  .whisker{fill:none;stroke-width:1.6}\n"
    "  .strong{font-weight:600}\n"
    "  .s0{stroke:#0b57d0}.f0{fill:#0b57d0}\n"
    "  .s1{stroke:#b3541e}.f1{fill:#b3541e}\n"
    "  .s2{stroke:#0f766e}.f2{fill:#0f766e}\n"
    "  .s3{stroke:#7a3fc4}.f3{fill:#7a3fc4}\n"
    "  .s4{stroke:#a8154f}.f4{fill:#a8154f}\n"
    "  .s5{stroke:#5c6470}.f5{fill:#5c6470}\n"
    "  @media (prefers-color-scheme:dark){\n"
    "    .picture{fill:#e6edf3}\n"
    "    .bg{fill:#0d1117}\n"
    "    .quiet,.small{fill:#9da7b3}\n"
    "    .halo{stroke:#0d1117}\n"
    "    .grid{stroke:#252b33}\n"
    "    .axis,.leader{stroke:#6e7681}\n"
    "    .ring{stroke:#e6edf3}\n"
    "    .hole{fill:#0d1117}\n"
    "    .s0{stroke:#79b0ff}.f0{fill:#79b0ff}\n"
    "    .s1{stroke:#f0a35e}.f1{fill:#f0a35e}\n"
    "    .s2{stroke:#4fd1bd}.f2{fill:#4fd1bd}\n"
    "    .s3{stroke:#c3a2f7}.f3{fill:#c3a2f7}\n"
    "    .s4{stroke:#f58ab0}.f4{fill:#f58ab0}\n"
    "    .s5{stroke:#aab4bf}.f5{fill:#aab4bf}\n"
    "  }\n ";

void tr_palette_class(char class[TR_PALETTE_CLASS], const char *what, char which, int colour)
{
    size_t n = strnlen(what, TR_PALETTE_CLASS - 4);

    memcpy(class, what, n);
    memcpy(class + n, (char[]){' ', which, (char)('0' + colour), 0}, 4);
}
