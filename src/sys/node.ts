/** Node's modules, for code that few commands reach: each costs when it is loaded (node:fs 0.9 ms, node:path 0.2). */
export const nodeFs = () => process.getBuiltinModule("node:fs");
export const nodeOs = () => process.getBuiltinModule("node:os");
export const nodePath = () => process.getBuiltinModule("node:path");
