/* SPDX-License-Identifier: Apache-2.0 */
/* finish.h - why an answer ended. */
#ifndef ENGINE_FINISH_H
#define ENGINE_FINISH_H

enum finish_reason {
    FINISH_NONE,      /* still going */
    FINISH_STOP,      /* end-of-sequence token or stop string */
    FINISH_LENGTH,    /* max_tokens, or the context is full */
    FINISH_LOOP,      /* the loop guard saw the same tokens again and again */
    FINISH_DEADLINE,  /* the time of the request is over */
    FINISH_CANCELLED, /* nobody wants it any more */
    FINISH_FAILED,    /* an error came in between */
};

#endif
