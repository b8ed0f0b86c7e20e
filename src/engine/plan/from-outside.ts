/**
 * What is done to a container from outside while its first process mounts, and what that waits for before it goes on:
 * nothing of the container's own has run by then.
 */
import type { Container, HostConfig } from "../../store/container-record.ts";
import type { Engine } from "../engine.ts";
import type { BridgeLease } from "../network/endpoint.ts";
import { deviceRules } from "./devices.ts";
import { network } from "./lazy.ts";

const DEVICES = "the devices that its cgroup may open are set";
const LINK = "the link eth0 is made";

/** Its name in the plan; undefined: nothing is. */
export function describeOutside({ cgroups }: Engine, host: HostConfig, bridged: boolean): string | undefined {
	const restricts = !host.privileged && !cgroups?.restrictsInSteps;
	if (bridged) return restricts ? `${DEVICES}, ${LINK}` : LINK;
	return restricts ? DEVICES : undefined;
}

/** What cannot wait: the first process itself must not meet half of the rules. */
export function doBeforehand({ cgroups }: Engine, { config: { host }, state }: Container): void {
	if (!host.privileged && cgroups?.restrictsInSteps) cgroups.restrictDevices(state.cgroup, deviceRules(host));
}

/** Returns warnings. `pid` waits in its new namespaces. The veth pair goes with them, the rules with the cgroup. */
export function doFromOutside(
	engine: Engine,
	container: Container,
	lease: BridgeLease | undefined,
	pid: number,
): string[] {
	const { cgroups } = engine;
	const { host } = container.config;
	if (!host.privileged && !cgroups?.restrictsInSteps)
		cgroups?.restrictDevices(container.state.cgroup, deviceRules(host));
	return lease ? network().connect(lease, pid) : [];
}
