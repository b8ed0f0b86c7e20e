/**
 * Parts that a command loads when it comes to them, and most never do. Of a require() of an ES module Bun makes a chunk
 * of its own, which is read and linked at the call.
 */

/** Networks and what hangs on them: not for `--network none` and `host`. */
export const network = () => require("../network/endpoint.ts") as typeof import("../network/endpoint.ts");

/** Networks that users made. */
export const networks = () => require("../network/find.ts") as typeof import("../network/find.ts");

/** Their names. */
export const names = () => require("../network/names.ts") as typeof import("../network/names.ts");

/** What they call each other by `--link`. */
export const links = () => require("../network/links.ts") as typeof import("../network/links.ts");

/** Published ports: for containers that have some. */
export const publishing = () => require("../network/publish.ts") as typeof import("../network/publish.ts");

/** The compiler of seccomp filters and its tables: once a boot, mostly. */
export const seccompCompiler = () => require("./seccomp-compile.ts") as typeof import("./seccomp-compile.ts");

/** What mounts are allowed: for containers that have mounts of their own. */
export const mountRules = () => require("./check-mounts.ts") as typeof import("./check-mounts.ts");

/** Volumes and host directories: the same. */
export const volumes = () => require("../volume/mounts.ts") as typeof import("../volume/mounts.ts");

/** Volumes that are file systems of their own. */
export const volumeFileSystems = () => require("../volume/file-system.ts") as typeof import("../volume/file-system.ts");

/** Mounts whose files belong to somebody else in the container. */
export const idMaps = () => require("./id-map.ts") as typeof import("./id-map.ts");

/** Shared memory for other containers. */
export const sharedMemories = () => require("./shared-memory.ts") as typeof import("./shared-memory.ts");

/** Mounts that are given to the container's user. */
export const ownership = () => require("./own-mounts.ts") as typeof import("./own-mounts.ts");

/** Images that are mounted. */
export const trees = () => require("./tree-mount.ts") as typeof import("./tree-mount.ts");

/** Options of volumes: for mounts that have some. */
export const volumeRules = () => require("../volume/options.ts") as typeof import("../volume/options.ts");

/** Limits and their limits: for containers that are given some. */
export const limits = () => require("./check-resources.ts") as typeof import("./check-resources.ts");
