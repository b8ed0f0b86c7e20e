/**
 * What is done to a container from outside while its first process mounts, and what that waits for before it goes on:
 * nothing of the container's own has run by then.
 */
import type { Container, HostConfig } from "../store/container-record.ts";
import { deviceRules } from "./devices.ts";
import type { Engine } from "./engine.ts";
import { network } from "./lazy.ts";
import type { BridgeLease } from "./network.ts";

const DEVICES = "the devices that its cgroup may open are set";
const LINK = "the link eth0 is made";

/** Its name in the plan; undefined: nothing is. */
export function describeOutside({ privileged }: HostConfig, bridged: boolean): string | undefined {
	if (bridged) return privileged ? LINK : `${DEVICES}, ${LINK}`;
	return privileged ? undefined : DEVICES;
}

/** `pid` waits in its new namespaces. The veth pair goes with them, the rules with the cgroup. */
export function doFromOutside(engine: Engine, container: Container, lease: BridgeLease | undefined, pid: number): void {
	const { host } = container.config;
	if (!host.privileged) engine.cgroups?.restrictDevices(container.state.cgroup, deviceRules(host));
	if (lease) network().connect(lease, pid);
}
