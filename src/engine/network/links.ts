/**
 * `--link` of before there were networks with names: what a container calls another. In a network with names its name server
 * knows (names.ts). In the default one it is a line of /etc/hosts, right as long as the other is not started again.
 */
import { EngineError } from "../../errors.ts";
import type { Container } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import type { Endpoint } from "../../store/endpoint-record.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../identifiers.ts";

/** "container[:alias]" → "container:alias", by the other's own name. Throws EngineError where there is none. */
export function resolveLink(engine: Engine, text: string): string {
	const [name = "", alias, more] = text.split(":");
	if (name === "" || alias === "" || more !== undefined) {
		throw new EngineError("usage", `bad format for links: ${text}`);
	}
	try {
		const other = findContainer(engine.db, name);
		return `${other.name}:${alias ?? name}`;
	} catch (error) {
		if (!(error instanceof EngineError)) throw error;
		throw new EngineError(error.code, `could not get container for ${name}: ${error.message}`);
	}
}

/** For /etc/hosts. Throws EngineError, in docker's words, where the other does not run. */
export const linkLines = (engine: Engine, container: Container): string[] =>
	container.state.endpoints
		.filter(({ lease }) => !lease?.resolver)
		.flatMap((endpoint) => endpoint.links.map((link) => lineOf(engine, container, endpoint, link)));

function lineOf(engine: Engine, container: Container, { network }: Endpoint, link: string): string {
	const [name = "", alias = ""] = link.split(":");
	const other = findContainer(engine.db, name);
	const lease = other.state.endpoints.find((one) => one.network === network)?.lease;
	if (other.state.status === "running" && !lease) {
		throw new EngineError("conflict", `Cannot link to /${name}, as it does not belong to the default network`);
	}
	if (other.state.status !== "running" || !lease) {
		throw new EngineError(
			"conflict",
			`Cannot link to a non running container: /${name} AS /${container.name}/${alias}`,
		);
	}
	return `${formatIpv4(lease.ip)}\t${alias} ${shortId(other.id)}${name === alias ? "" : ` ${name}`}\n`;
}
