/* SPDX-License-Identifier: Apache-2.0 */
/* page_data_int.h - what tools/embed makes of web/ when the program is built. */
#ifndef API_PAGE_DATA_INT_H
#define API_PAGE_DATA_INT_H

#include "api/page.h"

extern const struct page_file page_data[]; /* [page_data_n] */
extern const size_t page_data_n;

#endif
