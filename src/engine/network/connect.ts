/**
 * `network connect` and `disconnect`. A container that does not run is connected on record alone, and gets its link when it
 * starts. One that runs gets it at once: the pair is made from outside, and its end configured from within its namespace.
 */
import { EngineError } from "../../errors.ts";
import { defaultRoute6Inside, defaultRouteInside, endpointInside, isLinkOf } from "../../network/endpoint.ts";
import type { Container } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import type { Endpoint, EndpointSettings, Lease } from "../../store/endpoint-record.ts";
import { networksOf, releaseAddress } from "../../store/networks.ts";
import { inNetworkOf } from "../../sys/in-network.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { recordState, runningPid } from "../running.ts";
import { leaseEndpoint, connect as makeLink } from "./endpoint.ts";
import { findNetwork } from "./find.ts";
import { gatewayEndpoint, gatewayEndpoint6, publishingEndpoint } from "./gateway.ts";
import { resolveLink } from "./links.ts";
import { announce, hasNames, withdraw } from "./names.ts";
import { addToHosts, removeFromHosts, writeResolvConf } from "./names-files.ts";
import { republish } from "./publish.ts";

/** Throws EngineError where it is connected already, or has no network of its own. */
export function connectContainer(
	engine: Engine,
	networkName: string,
	containerName: string,
	settings: Omit<EndpointSettings, "name">,
): void {
	const network = findNetwork(engine, networkName);
	using lock = engine.lock(findContainer(engine.db, containerName).id);
	const container = present(lock.container, containerName);
	checkConnectable(network.name, container);
	sweep(engine, container);
	if (container.state.endpoints.some((endpoint) => isIn(endpoint, network))) {
		throw new EngineError("conflict", `endpoint with name ${container.name} already exists in network ${network.name}`);
	}
	const links = settings.links.map((link) => resolveLink(engine, link));
	const asked: Endpoint = { ...settings, links, name: network.name, network: network.id, lease: null };
	const pid = runningPid(container);
	if (pid === undefined) {
		recordState(engine, container, { endpoints: [...container.state.endpoints, asked] });
		return;
	}
	// Its address first, which is given back with the container whatever becomes of us; last what tells others of it.
	const endpoint = engine.transaction(() =>
		leaseEndpoint(engine, container.id, asked, freePlace(container.state.endpoints)),
	);
	try {
		attach(engine, endpoint, pid);
	} catch (error) {
		if (endpoint.lease) detach(endpoint.lease, pid); // before its address is another's
		engine.transaction(() => releaseAddress(engine.db, container.id, network.id));
		throw error;
	}
	const connected = recordState(engine, container, { endpoints: [...container.state.endpoints, endpoint] });
	settle(engine, container, connected, pid);
}

/** Throws EngineError where it is not connected. What a killed disconnect left is taken away all the same. */
export function disconnectContainer(engine: Engine, networkName: string, containerName: string): void {
	const network = findNetwork(engine, networkName);
	using lock = engine.lock(findContainer(engine.db, containerName).id);
	const container = present(lock.container, containerName);
	sweep(engine, container);
	const endpoint = container.state.endpoints.find((one) => isIn(one, network));
	if (!endpoint) {
		throw new EngineError("not-found", `container ${container.id} is not connected to network ${network.name}`);
	}
	const others = container.state.endpoints.filter((one) => one !== endpoint);
	const pid = runningPid(container);
	if (pid === undefined) {
		recordState(engine, container, { endpoints: others });
		return;
	}
	withdraw(engine, { ...container, state: { ...container.state, endpoints: [endpoint] } });
	const left = recordState(engine, container, { endpoints: others });
	if (endpoint.lease) detach(endpoint.lease, pid);
	engine.transaction(() => releaseAddress(engine.db, container.id, network.id));
	settle(engine, container, left, pid);
}

/** Takes away what a command left that was killed between the record and the link. */
function sweep(engine: Engine, { id, state: { endpoints } }: Container): void {
	const known = new Set(endpoints.map(({ lease }) => lease?.link));
	using rtnetlink = new Rtnetlink();
	for (const { name } of rtnetlink.links()) if (isLinkOf(name, id) && !known.has(name)) rtnetlink.deleteLink(name);
	const networks = new Set(endpoints.map(({ network }) => network));
	const strays = networksOf(engine.db, id).filter((network) => !networks.has(network));
	if (strays.length === 0) return;
	engine.transaction(() => {
		for (const network of strays) releaseAddress(engine.db, id, network);
	});
}

function present(container: Container | undefined, name: string): Container {
	if (!container) throw new EngineError("not-found", `No such container: ${name}`);
	return container;
}

const isIn = (endpoint: Endpoint, { id, name }: { readonly id: string; readonly name: string }): boolean =>
	endpoint.network === id || (endpoint.network === "" && endpoint.name === name);

function checkConnectable(network: string, { config: { host } }: Container): void {
	const mode = host.networkMode;
	if (network === "host" || mode === "host") {
		throw new EngineError(
			"invalid",
			"cannot connect container to host network - container must be created in host mode",
		);
	}
	if (mode.startsWith("container:")) {
		throw new EngineError(
			"invalid",
			"container sharing network namespace with another container or host cannot be connected to any other network",
		);
	}
	if (network === "none" || mode === "none") {
		throw new EngineError(
			"invalid",
			"container cannot be connected to multiple networks with one of the networks in private (none) mode",
		);
	}
}

/** The number of the first device that it has not: eth1 beside eth0. */
function freePlace(endpoints: readonly Endpoint[]): number {
	const taken = new Set(endpoints.map(({ lease }) => lease?.device));
	let place = 0;
	while (taken.has(`eth${place}`)) place++;
	return place;
}

function attach(engine: Engine, endpoint: Endpoint, pid: number): void {
	const { lease } = endpoint;
	if (!lease) return;
	using rtnetlink = new Rtnetlink();
	makeLink(engine, rtnetlink, endpoint, pid, { chosenIndex: false });
	using inside = inNetworkOf(pid, () => new Rtnetlink());
	endpointInside(inside, lease);
}

function detach({ link, device }: Lease, pid: number): void {
	using rtnetlink = link ? new Rtnetlink() : inNetworkOf(pid, () => new Rtnetlink());
	rtnetlink.deleteLink(link || device);
}

/** What follows from where it is connected now: the default route, names, ports, its own files. */
function settle(engine: Engine, before: Container, container: Container, pid: number): void {
	const { endpoints } = container.state;
	const gateway = gatewayEndpoint(endpoints);
	const previous = gatewayEndpoint(before.state.endpoints);
	if (gateway?.network !== previous?.network) {
		using inside = inNetworkOf(pid, () => new Rtnetlink());
		defaultRouteInside(inside, gateway?.lease ?? undefined);
	}
	const gateway6 = gatewayEndpoint6(endpoints);
	if (gateway6?.network !== gatewayEndpoint6(before.state.endpoints)?.network) {
		using inside = inNetworkOf(pid, () => new Rtnetlink());
		defaultRoute6Inside(inside, gateway6?.lease ?? undefined);
	}
	if (endpoints.some(hasNames)) announce(engine, container, pid);
	const files = engine.paths.container(container.id);
	const isNew = (one: Endpoint, others: readonly Endpoint[]) => !others.some(({ network }) => network === one.network);
	for (const one of endpoints) if (isNew(one, before.state.endpoints)) addToHosts(container, files, one);
	for (const one of before.state.endpoints) if (isNew(one, endpoints)) removeFromHosts(files, one);
	writeResolvConf(container, files);
	const led = ({ state }: Container) => publishingEndpoint(state.endpoints)?.network;
	if (container.state.ports.length && led(container) !== led(before)) {
		republish(engine, before, container, pid);
	}
}
