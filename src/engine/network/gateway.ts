/** Which of its networks is a container's way out. Pure. */
import type { Endpoint } from "../../store/endpoint-record.ts";

/**
 * The endpoint that the default route is of, and published ports lead to: that of the highest priority, then the first by
 * name (docker's rule). undefined: none has a gateway.
 */
export function gatewayEndpoint(endpoints: readonly Endpoint[]): Endpoint | undefined {
	let best: Endpoint | undefined;
	for (const endpoint of endpoints) {
		if (!endpoint.lease?.gateway) continue;
		const isBetter =
			!best ||
			endpoint.gwPriority > best.gwPriority ||
			(endpoint.gwPriority === best.gwPriority && endpoint.name < best.name);
		if (isBetter) best = endpoint;
	}
	return best;
}
