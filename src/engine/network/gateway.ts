/** Which of its networks is a container's way out. Pure. */
import type { Endpoint } from "../../store/endpoint-record.ts";

/**
 * The endpoint that the default route is of: that of the highest priority, then the first by
 * name (docker's rule). undefined: none has a gateway.
 */
export const gatewayEndpoint = (endpoints: readonly Endpoint[]): Endpoint | undefined =>
	bestOf(endpoints.filter(({ lease }) => lease && (lease.gateway || lease.onLink)));

/** That of the default route of IPv6. */
export const gatewayEndpoint6 = (endpoints: readonly Endpoint[]): Endpoint | undefined =>
	bestOf(endpoints.filter(({ lease }) => lease?.gateway6));

/** The one that ports are published to: of those on a bridge, for the others are reached without the host. */
export const publishingEndpoint = (endpoints: readonly Endpoint[]): Endpoint | undefined =>
	bestOf(endpoints.filter(({ lease }) => lease?.link && lease.gateway));

function bestOf(endpoints: readonly Endpoint[]): Endpoint | undefined {
	let best: Endpoint | undefined;
	for (const endpoint of endpoints) {
		const isBetter =
			!best ||
			endpoint.gwPriority > best.gwPriority ||
			(endpoint.gwPriority === best.gwPriority && endpoint.name < best.name);
		if (isBetter) best = endpoint;
	}
	return best;
}
