/** Who fills, mounts or copies a volume, and who takes it away, exclude each other. */
import { lockByte } from "../../sys/file.ts";
import type { Engine } from "../engine.ts";

export const volumeLock = (engine: Engine, name: string): Disposable =>
	lockByte(engine.paths.volumeLocks, Bun.hash(name) >> 1n);
