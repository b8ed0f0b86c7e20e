/**
 * What is done to a container from outside while its first process mounts, and what that waits for before it goes on:
 * nothing of the container's own has run by then.
 */
import type { Container, HostConfig } from "../../store/container-record.ts";
import type { Engine } from "../engine.ts";
import { deviceRules } from "./devices.ts";
import { names, network } from "./lazy.ts";

const DEVICES = "the devices that its cgroup may open are set";
const LINKS = "the links to its networks are made";

/** Its name in the plan; undefined: nothing is. */
export function describeOutside({ cgroups }: Engine, host: HostConfig, bridged: boolean): string | undefined {
	const restricts = !host.privileged && !cgroups?.restrictsInSteps;
	if (bridged) return restricts ? `${DEVICES}, ${LINKS}` : LINKS;
	return restricts ? DEVICES : undefined;
}

/** What cannot wait: the first process itself must not meet half of the rules. */
export function doBeforehand({ cgroups }: Engine, { config: { host }, state }: Container): void {
	if (!host.privileged && cgroups?.restrictsInSteps) cgroups.restrictDevices(state.cgroup, deviceRules(host));
}

/** Returns warnings. `pid` waits in its new namespaces. The veth pairs go with them, the rules with the cgroup. */
export function doFromOutside(engine: Engine, container: Container, pid: number): string[] {
	const { cgroups } = engine;
	const { host } = container.config;
	const { endpoints } = container.state;
	if (!host.privileged && !cgroups?.restrictsInSteps)
		cgroups?.restrictDevices(container.state.cgroup, deviceRules(host));
	if (endpoints.length === 0) return [];
	const warnings = network().connectAll(engine, endpoints, pid);
	if (endpoints.some(({ lease }) => lease?.resolver)) names().announce(engine, container, pid);
	return warnings;
}
