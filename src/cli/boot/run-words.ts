/** The words of `run` that a machine is told at its boot. */
import { EngineError } from "../../errors.ts";
import { run } from "../container/run.ts";
import { HelpAsked, readFlags } from "../flags/flags.ts";

/** Throws EngineError and FlagError for what cannot be. */
export function readRunFlags(words: readonly string[]) {
	const { flags, args } = read(words);
	if (flags.restart !== "no") {
		throw new EngineError("usage", "--restart is not for a container of the boot: nanocontainer.when-ended=restart is");
	}
	return { flags, args };
}

function read(words: readonly string[]) {
	try {
		return readFlags(run.flags, words, { stopAtFirst: true, notYet: run.notYet ?? [] });
	} catch (error) {
		if (error instanceof HelpAsked) throw new EngineError("usage", "--help is for people: no image is named");
		throw error;
	}
}
