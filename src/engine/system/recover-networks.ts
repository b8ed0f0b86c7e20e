/** Networks of which there is no record any more, from what the containers that run in them have. */
import { formatSubnet } from "../../network/ipam.ts";
import { formatSubnet6, parseSubnet6 } from "../../network/ipam6.ts";
import type { Container } from "../../store/container-record.ts";
import type { Lease } from "../../store/endpoint-record.ts";
import { BRIDGE, getNetwork, getNetworkById, insertNetwork, takeAddress } from "../../store/networks.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";
import type { Engine } from "../engine.ts";
import { bridgeDevice } from "../network/create.ts";

/** Call within a transaction. */
export function recordNetworks(engine: Engine, { id, state: { endpoints } }: Container): void {
	for (const { network, name, lease } of endpoints) {
		if (!lease) continue;
		if (!getNetworkById(engine.db, network) && !getNetwork(engine.db, name)) {
			const mask = lease.prefix === 0 ? 0 : (-1 << (32 - lease.prefix)) >>> 0;
			const subnet = formatSubnet({ network: (lease.ip & mask) >>> 0, prefix: lease.prefix });
			const gateway = lease.gateway ? formatIpv4(lease.gateway) : "";
			const config = {
				driver: "bridge" as const,
				device: name === BRIDGE ? engine.bridgeName : bridgeDevice(network),
				subnets: [{ subnet, gateway, ipRange: "", aux: {} }, ...subnets6(lease)],
				internal: lease.gateway === 0,
				attachable: false,
				options: {},
				labels: {},
			};
			insertNetwork(engine.db, { name, id: network, created: Date.now(), config });
		}
		const known = engine.db.query("SELECT 1 FROM addresses WHERE network = ? AND ip = ?").get(network, lease.ip);
		if (known !== null) continue;
		takeAddress(engine.db, network, lease.ip, id);
		if (lease.ip6) takeAddress(engine.db, network, lease.ip6, id);
	}
}

function subnets6({ ip6, prefix6, gateway6 }: Lease) {
	const subnet = ip6 ? parseSubnet6(`${ip6}/${prefix6}`) : undefined;
	return subnet ? [{ subnet: formatSubnet6(subnet), gateway: gateway6, ipRange: "", aux: {} }] : [];
}
