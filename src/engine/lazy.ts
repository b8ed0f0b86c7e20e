/**
 * Parts that a command loads when it comes to them, and most never do. Of a require() of an ES module Bun makes a chunk
 * of its own, which is read and linked at the call.
 */

/** The bridge and what hangs on it: not for `--network none` and `host`. */
export const network = () => require("./network.ts") as typeof import("./network.ts");

/** The compiler of seccomp filters and its tables: once a boot, mostly. */
export const seccompCompiler = () => require("./seccomp-compile.ts") as typeof import("./seccomp-compile.ts");
