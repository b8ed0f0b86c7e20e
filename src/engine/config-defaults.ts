/** What holds where there is no configuration file, and where that would be: known without loading its reader (config.ts). */

export const CONFIG_FILE = "/etc/nanocontainer/config.json";

/** What networks have where nothing else is asked for. */
export interface NetworkDefaults {
	/** Of the default bridge and its subnet: "192.168.1.1/24"; "": chosen. */
	readonly bridgeAddress: string;
	/** Where subnets are taken from, and how long the prefix of each is; none: docker's. */
	readonly pools: readonly { readonly base: string; readonly size: number }[];
	/** Whether containers of the default bridge know each other by name. */
	readonly bridgeNames: boolean;
	/** Where ports are published that name no address; "": everywhere. */
	readonly publishAddress: string;
}

export const NETWORK_DEFAULTS: NetworkDefaults = {
	bridgeAddress: "",
	pools: [],
	bridgeNames: false,
	publishAddress: "",
};
