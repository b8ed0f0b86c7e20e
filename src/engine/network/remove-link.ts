/** `rm --link`: a container no longer calls another by a name that it was given for it; both stay. */
import { EngineError } from "../../errors.ts";
import type { Container } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import type { Endpoint } from "../../store/endpoint-record.ts";
import type { Engine } from "../engine.ts";
import { recordState, runningPid } from "../running.ts";
import { announce, hasNames } from "./names.ts";
import { removeLinkFromHosts } from "./names-files.ts";

/** `link`: "container/alias", as in HostConfig.Links. Throws EngineError, in docker's words, where there is none. */
export function removeLink(engine: Engine, link: string): void {
	const [parent = "", alias] = link.replace(/^\//, "").split("/");
	if (alias === undefined) {
		findContainer(engine.db, parent);
		throw new EngineError("conflict", "Conflict, cannot remove the default link name of the container");
	}
	using lock = engine.lock(parentOf(engine, parent, link).id);
	const container = lock.container;
	if (!container?.state.endpoints.some(({ links }) => links.some((one) => isCalled(one, alias)))) throw unknown(link);
	const without = (endpoint: Endpoint): Endpoint => ({
		...endpoint,
		links: endpoint.links.filter((one) => !isCalled(one, alias)),
	});
	const left = recordState(engine, container, { endpoints: container.state.endpoints.map(without) });
	const pid = runningPid(left);
	if (pid === undefined) return; // its files are written when it starts
	removeLinkFromHosts(engine.paths.container(left.id), alias);
	if (left.state.endpoints.some(hasNames)) announce(engine, left, pid);
}

const isCalled = (link: string, alias: string): boolean => link.slice(link.indexOf(":") + 1) === alias;

const unknown = (link: string): EngineError => new EngineError("not-found", `No such container: ${link}`);

function parentOf(engine: Engine, name: string, link: string): Container {
	try {
		return findContainer(engine.db, name);
	} catch (error) {
		throw error instanceof EngineError && error.code === "not-found" ? unknown(link) : error;
	}
}
