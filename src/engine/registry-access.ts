/** Registries as the configuration and the user's credentials let the engine talk to them. */
import type { Reference } from "../image/reference/reference.ts";
import { isInsecure, RegistryClient } from "../registry/client.ts";
import type { Credentials } from "../registry/credentials.ts";

export interface RegistryAccess {
	readonly insecureRegistries: readonly string[];
	readonly credentials: (host: string) => Credentials | undefined;
}

/** A client for the repository of a reference. */
export function clientFor({ host, path }: Reference, access: RegistryAccess, push: boolean): RegistryClient {
	return new RegistryClient({
		host,
		repository: path,
		credentials: () => access.credentials(host),
		insecure: isInsecure(host, access.insecureRegistries),
		push,
	});
}
