/** What the configuration file says of networks; most hosts have none, and then nothing of its reader is loaded. */
import { existsSync } from "../../sys/fs.ts";
import type { NetworkDefaults } from "../config.ts";

const FILE = "/etc/nanocontainer/config.json";

/** Throws EngineError for a mistake in the file. */
export function networkDefaults(): NetworkDefaults {
	if (!process.env["NANOCONTAINER_CONFIG"] && !existsSync(FILE)) return NONE;
	return (require("../config.ts") as typeof import("../config.ts")).readConfig().network;
}

const NONE: NetworkDefaults = { bridgeAddress: "", pools: [], bridgeNames: false, publishAddress: "" };
