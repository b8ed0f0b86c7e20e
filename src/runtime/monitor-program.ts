/** The monitor's ELF file, compiled from native/ by build.ts and embedded in this program. */
import { readFileSync } from "node:fs";
import embedded from "../../build/monitor" with { type: "file" };

export function monitorProgram(): Uint8Array {
	return readFileSync(embedded);
}
