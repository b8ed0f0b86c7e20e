/** The fields of docker's Go types, which templates name, and of the JSON, which is what there is here. */

/** Maps of strings: a key that is not there has no value, where a field that is not there is a mistake. */
export const MAPS = new Set([
	"Labels",
	"Sysctls",
	"Tmpfs",
	"Networks",
	"Ports",
	"PortBindings",
	"ExposedPorts",
	"Volumes",
]);

/**
 * Fields that docker's Go has under another name than its JSON: `inspect -f` asks its types first, the JSON after. What is
 * here is here under both.
 */
const GO_NAMES: Readonly<Record<string, string>> = {
	ID: "Id",
	CPUShares: "CpuShares",
	NanoCPUs: "NanoCpus",
	CPUPeriod: "CpuPeriod",
	CPUQuota: "CpuQuota",
	CPURealtimePeriod: "CpuRealtimePeriod",
	CPURealtimeRuntime: "CpuRealtimeRuntime",
	CPUCount: "CpuCount",
	CPUPercent: "CpuPercent",
	DNS: "Dns",
	DNSOptions: "DnsOptions",
	DNSSearch: "DnsSearch",
	HostIP: "HostIp",
	APIVersion: "ApiVersion",
	CPUCfsPeriod: "CpuCfsPeriod",
	CPUCfsQuota: "CpuCfsQuota",
	HTTPProxy: "HttpProxy",
	HTTPSProxy: "HttpsProxy",
	BridgeNfIPtables: "BridgeNfIptables",
	BridgeNfIP6tables: "BridgeNfIp6tables",
};

const goName = (name: string): string | undefined => (Object.hasOwn(GO_NAMES, name) ? GO_NAMES[name] : undefined);

/** What the field is called here. */
export function jsonName(value: object, name: string): string {
	const other = Object.hasOwn(value, name) ? undefined : goName(name);
	return other !== undefined && Object.hasOwn(value, other) ? other : name;
}

/**
 * Fields that docker's Go types have, and the JSON only where they are set: elsewhere they are Go's zero values. Scripts ask
 * first: {{if .State.Health}}.
 */
const UNSET: Readonly<Record<string, unknown>> = {
	...{ Health: null, Healthcheck: null, ExposedPorts: null, Volumes: null, OnBuild: null, StopTimeout: null },
	...{ Interval: 0, Timeout: 0, StartPeriod: 0, StartInterval: 0, Retries: 0 },
	...{ StopSignal: "", Shell: null, MacAddress: "", Annotations: null, SizeRw: null, SizeRootFs: null, Tmpfs: null },
	...{ Name: "", Driver: "", NetworkDisabled: false },
	...{ Sysctls: null, StorageOpt: null, CpuCount: 0, CpuPercent: 0, CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0 },
	...{ IOMaximumIOps: 0, IOMaximumBandwidth: 0, Isolation: "", Variant: "", OsVersion: "", Comment: "", Author: "" },
	...{ NFd: 0, NGoroutines: 0, NEventsListener: 0, ProductLicense: "", DefaultAddressPools: null, CDISpecDirs: null },
	...{ ContainerdCommit: { ID: "" }, RuncCommit: { ID: "" }, InitCommit: { ID: "" }, GoVersion: "" },
};

/** undefined: docker has no such field either. */
export function unsetField(name: string): unknown {
	const json = goName(name) ?? name;
	return Object.hasOwn(UNSET, json) ? UNSET[json] : undefined;
}
