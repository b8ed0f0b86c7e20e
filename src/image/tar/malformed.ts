/** What is said of an archive that cannot be read, and the largest file that one may hold. */
import { EngineError } from "../../errors.ts";

export const malformed = (why: string): EngineError =>
	new EngineError("failed", `The tar archive is malformed: ${why}`);

export const SIZE_LIMIT = 2 ** 43; // 8 TiB
