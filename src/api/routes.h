/* SPDX-License-Identifier: Apache-2.0 */
/* routes.h - the one table of what can be asked: method, path, who may, how much, who answers. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/error.h"
#include "net/http_server.h"

struct call;

enum route_body {
    BODY_NONE,
    BODY_STORE, /* none either; answered by a worker, as it asks the store */
    BODY_JSON,  /* parsed in call->body; answered by a worker */
    BODY_FORM,  /* multipart; answered by a worker */
};

struct route {
    enum http_method method;
    const char *path; /* below a mount point; a '*' at the end takes the rest */
    uint32_t roles;   /* one of them is enough; 0: everybody, without a key */
    enum route_body body;
    void (*answer)(struct call *call);
    const char *about; /* one line for the documentation */
};

extern const struct route routes[];
extern const size_t n_routes;

/* Finds the route of a path.  *rest is what '*' stands for.  *others are the methods, for an Allow
 * header, that the path has when this one is not among them; NULL when the path is not known.
 * *dialect is set and true returned in *mounted when the mount point chooses it. */
struct route_match {
    const struct route *route;
    const char *rest;
    char allow[64];
    enum dialect dialect;
    bool mounted;
};
struct route_match routes_find(enum http_method method, const char *path);

#endif
