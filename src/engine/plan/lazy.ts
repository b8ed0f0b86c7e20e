/**
 * Parts that a command loads when it comes to them, and most never do. Of a require() of an ES module Bun makes a chunk
 * of its own, which is read and linked at the call.
 */

/** The bridge and what hangs on it: not for `--network none` and `host`. */
export const network = () => require("../network/endpoint.ts") as typeof import("../network/endpoint.ts");

/** The compiler of seccomp filters and its tables: once a boot, mostly. */
export const seccompCompiler = () => require("./seccomp-compile.ts") as typeof import("./seccomp-compile.ts");

/** What mounts are allowed: for containers that have mounts of their own. */
export const mountRules = () => require("./check-mounts.ts") as typeof import("./check-mounts.ts");

/** Volumes and host directories: the same. */
export const volumes = () => require("../volume/volumes.ts") as typeof import("../volume/volumes.ts");

/** Limits and their limits: for containers that are given some. */
export const limits = () => require("./check-resources.ts") as typeof import("./check-resources.ts");
