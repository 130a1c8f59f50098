/* SPDX-License-Identifier: Apache-2.0 */
#include "base/line.h"

void line_clean(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        /* U+0080 to U+009F: terminals take some of them for the start of a command. */
        if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            c[0] = c[1] = '?';
        if (*c < ' ' || *c == 0x7f)
            *c = '?';
    }
}
