/** What is stored of a container's places in networks, and of its ports; a part of its state (container-record.ts). */
import * as v from "valibot";

const string = v.string();
const number = v.number();
const strings = v.array(string);
const stringMap = v.record(string, string);

/** As picklist(), which spends 0.2 ms on the first text that it may never have to show. */
export const Protocol = v.custom<"tcp" | "udp" | "sctp">(
	(value) => value === "tcp" || value === "udp" || value === "sctp",
);

/** What an endpoint has while its container runs. Addresses are numbers. */
const Lease = v.object({
	/** docker's EndpointID. */
	id: v.optional(string, ""),
	ip: number,
	prefix: number,
	/** 0: no way out. */
	gateway: number,
	/** Its IPv6 address as text, "": none; and the way out by IPv6. */
	ip6: v.optional(string, ""),
	prefix6: v.optional(number, 0),
	gateway6: v.optional(string, ""),
	/** Addresses that are known on the link alone. */
	linkLocal: v.optional(strings, []),
	/** Where the network's name server is. */
	resolver: v.optional(number, 0),
	mac: string,
	/** The end on the host; "": none, for the device is a part of one of the host's (macvlan, ipvlan). */
	link: string,
	/** The default route leads to the device itself (ipvlan's l3). */
	onLink: v.optional(v.boolean(), false),
	/** The end inside: "eth0". */
	device: string,
});
export type Lease = v.InferOutput<typeof Lease>;

/** What was asked of a place in a network; empty texts are no wishes. */
export const EndpointSettings = v.object({
	/** The network's name, as it was when the container was connected. */
	name: string,
	aliases: strings,
	/** "container:alias" */
	links: strings,
	ip: string,
	ip6: string,
	linkLocalIps: strings,
	mac: string,
	driverOpts: stringMap,
	/** The default route is that of the endpoint with the highest. */
	gwPriority: number,
});
export type EndpointSettings = v.InferOutput<typeof EndpointSettings>;

export const NO_SETTINGS: Omit<EndpointSettings, "name"> = {
	aliases: [],
	links: [],
	ip: "",
	ip6: "",
	linkLocalIps: [],
	mac: "",
	driverOpts: {},
	gwPriority: 0,
};

export const Endpoint = v.object({
	...EndpointSettings.entries,
	/** The network's ID. */
	network: string,
	lease: v.nullable(Lease),
});
export type Endpoint = v.InferOutput<typeof Endpoint>;

/** A port of the host that leads to one of the container's. */
export const PortMapping = v.object({
	protocol: Protocol,
	/** "0.0.0.0", "::", "127.0.0.1" */
	hostIp: string,
	hostPort: number,
	port: number,
});
export type PortMapping = v.InferOutput<typeof PortMapping>;
