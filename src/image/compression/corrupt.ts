/** What every decoder says of data that it cannot read. */
import { EngineError } from "../../errors.ts";

export const corrupt = (cause: unknown): EngineError =>
	new EngineError("failed", "The compressed data is corrupt", { cause });
