/** `network create`: a record, and on the host a bridge with its rules. */
import { EngineError } from "../../errors.ts";
import { deleteNetwork, getNetwork, insertNetwork, type NetworkRecord } from "../../store/networks.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";
import { ensureDefault, PREDEFINED } from "./default.ts";
import { BRIDGE_OPTION, checkDriver, type Driver } from "./drivers.ts";
import { ensureNetwork } from "./endpoint.ts";
import { type SubnetRequest, subnetConfigs } from "./subnet-request.ts";

export interface NetworkRequest extends SubnetRequest {
	readonly name: string;
	readonly internal: boolean;
	readonly attachable: boolean;
	readonly options: Readonly<Record<string, string>>;
	readonly labels: Readonly<Record<string, string>>;
}

/** docker's name for the device of a network that names none. */
export const bridgeDevice = (id: string): string => `br-${id.slice(0, 12)}`;

/** Throws EngineError where the name, the device or the subnet is another's; then nothing has been made. */
export function createNetwork(engine: Engine, request: NetworkRequest): NetworkRecord {
	const driver = check(request);
	const id = newId();
	using rtnetlink = new Rtnetlink();
	const network = engine.transaction(() => {
		if (getNetwork(engine.db, request.name)) {
			throw new EngineError("conflict", `network with name ${request.name} already exists`);
		}
		const device = driver === "bridge" ? (request.options[`${BRIDGE_OPTION}name`] ?? bridgeDevice(id)) : "";
		if (device && rtnetlink.linkIndex(device) !== undefined) {
			throw new EngineError(
				"conflict",
				`the device ${device} is there already: name another with --opt ${BRIDGE_OPTION}name=NAME`,
			);
		}
		ensureDefault(engine); // it comes first, so that it has the first subnet
		const made: NetworkRecord = {
			id,
			name: request.name,
			created: Date.now(),
			config: {
				driver,
				device,
				subnets: subnetConfigs(engine, rtnetlink, request),
				internal: request.internal,
				attachable: request.attachable,
				options: { ...request.options },
				labels: { ...request.labels },
			},
		};
		insertNetwork(engine.db, made);
		return made;
	});
	try {
		ensureNetwork(engine, rtnetlink, network);
	} catch (error) {
		if (network.config.device) rtnetlink.deleteLink(network.config.device);
		engine.transaction(() => deleteNetwork(engine.db, id));
		throw error;
	}
	return network;
}

function check({ name, driver, options }: NetworkRequest): Driver {
	if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
		throw new EngineError(
			"invalid",
			`invalid network name: ${JSON.stringify(name)}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
		);
	}
	if (PREDEFINED.includes(name)) {
		throw new EngineError("invalid", `operation is not permitted on predefined ${name} network`);
	}
	return checkDriver(driver, options);
}
