/**
 * One lock for the whole store: shared by whoever is putting something in, from its first blob to its record; alone, for
 * a moment, by whoever takes away what belongs to nothing. Between a blob and its record nothing else tells that it is
 * wanted.
 */
import type { Paths } from "../paths.ts";
import type { Fd } from "../sys/fd.ts";
import { lockFileShared, tryLockFile } from "../sys/file.ts";

const pathOf = (paths: Paths): string => `${paths.locks}/store`;

/** Waits for the moment that somebody has it alone. */
export const holdStore = (paths: Paths): Fd => lockFileShared(pathOf(paths));

/** undefined: somebody is putting something in. */
export const ownStore = (paths: Paths): Fd | undefined => tryLockFile(pathOf(paths));
