/** What the configuration file says of networks; most hosts have none, and then nothing of its reader is loaded. */
import { existsSync } from "../../sys/fs.ts";
import { CONFIG_FILE, NETWORK_DEFAULTS, type NetworkDefaults } from "../config-defaults.ts";

/** Throws EngineError for a mistake in the file. */
export function networkDefaults(): NetworkDefaults {
	if (!process.env["NANOCONTAINER_CONFIG"] && !existsSync(CONFIG_FILE)) return NETWORK_DEFAULTS;
	return (require("../config.ts") as typeof import("../config.ts")).readConfig().network;
}
