/** The engine's own name, made once and kept: what `info` shows as ID. */
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Paths } from "../../paths.ts";
import { stagingPath } from "../../store/staging.ts";

export function engineId(paths: Paths): string {
	const path = `${paths.root}/engine-id`;
	const known = read(path);
	if (known) return known;
	const aside = stagingPath(paths, "engine-id");
	writeFileSync(aside, `${randomUUID()}\n`);
	try {
		linkSync(aside, path); // whoever is first
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
	} finally {
		rmSync(aside, { force: true });
	}
	return read(path) ?? "";
}

function read(path: string): string | undefined {
	try {
		return readFileSync(path, "utf8").trim();
	} catch {
		return undefined;
	}
}
