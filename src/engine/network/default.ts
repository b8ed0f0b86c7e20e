/** The networks that are always there: docker's "bridge", made when it is first needed, "host" and "none". */

import { EngineError } from "../../errors.ts";
import { freeSubnet, isFreeSubnet } from "../../network/bridge.ts";
import { formatSubnet, overlaps, parseSubnet, type Subnet } from "../../network/ipam.ts";
import { parseSubnet6, type Subnet6 } from "../../network/ipam6.ts";
import {
	addressesOf,
	BRIDGE,
	getNetwork,
	insertNetwork,
	listNetworks,
	type NetworkRecord,
	updateNetwork,
} from "../../store/networks.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";
import { networkDefaults } from "./defaults.ts";
import { type NetworkSubnet, subnetOf } from "./subnet.ts";

/** Its record. The subnet is chosen the first time, and anew where somebody took it. Call within a transaction. */
export function ensureDefault(engine: Engine): NetworkRecord {
	const known = getNetwork(engine.db, BRIDGE);
	using rtnetlink = new Rtnetlink();
	if (known) {
		// A bridge that is there holds its subnet. Without it, as after a boot, somebody else may have taken that.
		const held = rtnetlink.linkIndex(known.config.device) !== undefined || addressesOf(engine.db, known.id).length > 0;
		const own = subnetOf(known);
		if (held || (own && isAsAsked(own) && isFreeSubnet(rtnetlink, own.subnet))) return known;
	}
	const { bridgeAddress, pools } = networkDefaults();
	const asked = parseSubnet(bridgeAddress);
	const others = recordedSubnets(engine, known?.id);
	if (asked && (others.some((other) => overlaps(other, asked)) || !isFreeSubnet(rtnetlink, asked))) {
		const text = `"bip" ${bridgeAddress}: another network, or this host, has addresses in ${formatSubnet(asked)}`;
		throw new EngineError("conflict", text);
	}
	const chosen = asked ?? freeSubnet(rtnetlink, others, pools);
	const config = {
		driver: "bridge" as const,
		device: engine.bridgeName,
		subnets: [{ subnet: formatSubnet(chosen), gateway: bridgeAddress.split("/")[0] ?? "", ipRange: "", aux: {} }],
		internal: false,
		attachable: false,
		options: {},
		labels: {},
	};
	if (known) updateNetwork(engine.db, known.id, config);
	else insertNetwork(engine.db, { id: newId(), name: BRIDGE, created: Date.now(), config });
	return getNetwork(engine.db, BRIDGE) as NetworkRecord; // just made
}

/** What the configuration says of it now. */
function isAsAsked({ subnet, gateway }: NetworkSubnet): boolean {
	const { bridgeAddress } = networkDefaults();
	return bridgeAddress === "" || bridgeAddress === `${formatIpv4(gateway)}/${subnet.prefix}`;
}

/** Subnets of the networks on record, whether their devices are there or not. */
export const recordedSubnets = (engine: Engine, except?: string): Subnet[] =>
	listNetworks(engine.db)
		.filter(({ id }) => id !== except)
		.flatMap(({ config }) => config.subnets.flatMap(({ subnet }) => parseSubnet(subnet) ?? []));

export const recordedSubnets6 = (engine: Engine): Subnet6[] =>
	listNetworks(engine.db).flatMap(({ config }) => config.subnets.flatMap(({ subnet }) => parseSubnet6(subnet) ?? []));

/** They cannot be removed. */
export const PREDEFINED: readonly string[] = [BRIDGE, "host", "none"];

/** Puts on record those of docker's three networks that are not: they exist before anything uses them. */
export function ensurePredefined(engine: Engine): void {
	if (PREDEFINED.every((name) => getNetwork(engine.db, name))) return;
	engine.transaction(() => {
		ensureDefault(engine);
		for (const [name, driver] of [
			["host", "host"],
			["none", "null"],
		] as const) {
			if (getNetwork(engine.db, name)) continue;
			const config = { driver, device: "", subnets: [], internal: false, attachable: false, options: {}, labels: {} };
			insertNetwork(engine.db, { id: newId(), name, created: Date.now(), config });
		}
	});
}
