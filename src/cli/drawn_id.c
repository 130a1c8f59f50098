/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/drawn_id.h"

#include <stdint.h>
#include <sys/random.h>

bool drawn_id_replace(struct drawn_id *drawn, struct span *id, struct err *err)
{
    uint64_t random;
    if (call_id_is_valid(*id))
        return true;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return err_set(err, ERR_IO, "the system gives no random numbers for the id of a call");
    call_id_write(random, drawn->text);
    *id = (struct span){drawn->text, CALL_ID_BYTES};
    return true;
}
