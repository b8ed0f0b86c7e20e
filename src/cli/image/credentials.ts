/** Whose name registries are asked in: docker's config.json, and what is said when it cannot be read. */
import { type Credentials, findCredentials } from "../../registry/credentials.ts";
import type { Context } from "../command/command.ts";
import { complain } from "../output/output.ts";

/** docker goes on without a configuration that is broken, and says so once, whether or not it will be needed. */
export function credentialsOf({ global: { configDir } }: Context): (host: string) => Credentials | undefined {
	let told = false;
	const warn = (why: string) => {
		if (!told) complain(`WARNING: Error loading config file: ${why}\n`);
		told = true;
	};
	const find = (host: string) => findCredentials(configDir, host, warn);
	findCredentials(configDir, "", warn);
	return find;
}
