/**
 * `--ssh`: what RUN --mount=type=ssh reaches. An agent's socket as it is; or private keys, which an agent of ours holds
 * while the build runs (draft-miller-ssh-agent): a step can have things signed, and never sees a key.
 */
import { statSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { resolve } from "node:path";
import type { ParsedKey } from "ssh2";
import { EngineError } from "../../errors.ts";
import type { Paths } from "../../paths.ts";
import { stagingDirectory } from "../../store/staging.ts";
import { removeTree } from "../../sys/tree.ts";
import { readNamedFile } from "../flags/input-file.ts";

export interface SshAgents extends AsyncDisposable {
	/** id → path of a socket. */
	readonly sockets: ReadonlyMap<string, string>;
}

/** "default" (the caller's agent), "id=/socket", "id=/key,/key". */
export async function openSsh(paths: Paths, texts: readonly string[]): Promise<SshAgents> {
	const sockets = new Map<string, string>();
	const opened = new AsyncDisposableStack();
	try {
		for (const text of texts) {
			const [id = "", given] = text.split(/=(.*)/s);
			const files = (given ?? process.env["SSH_AUTH_SOCK"] ?? "").split(",").filter(Boolean);
			if (files.length === 0)
				throw new EngineError("usage", "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
			const [first = ""] = files;
			if (files.length === 1 && statSync(first, { throwIfNoEntry: false })?.isSocket()) {
				sockets.set(id, resolve(first));
				continue;
			}
			const agent = opened.use(await openAgent(paths, await readKeys(files)));
			sockets.set(id, agent.socket);
		}
	} catch (error) {
		await opened.disposeAsync();
		throw error;
	}
	return { sockets, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function readKeys(files: readonly string[]): Promise<ParsedKey[]> {
	const { utils } = await import("ssh2");
	return files.map((file) => {
		const bytes = Buffer.from(readNamedFile(file, `failed to read ssh key ${file}: `));
		const parsed = utils.parseKey(bytes);
		const key = Array.isArray(parsed) ? parsed[0] : parsed;
		if (!key || key instanceof Error || !key.isPrivateKey()) {
			const reason = key instanceof Error ? key.message : "it is no private key";
			throw new EngineError(
				"usage",
				`failed to parse ssh key ${file}: ${reason}: add it to an agent, and give its socket`,
			);
		}
		return key;
	});
}

/** The most that an address of a socket holds (unix(7)). */
const MAX_SOCKET_PATH = 107;

async function openAgent(paths: Paths, keys: readonly ParsedKey[]): Promise<AsyncDisposable & { socket: string }> {
	const { createServer } = await import("node:net");
	const { AgentProtocol } = await import("ssh2");
	const { convertSignature } = await import("ssh2/lib/protocol/utils.js");
	const directory = stagingDirectory(paths);
	const socket = `${directory}/agent`;
	if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
		removeTree(directory);
		throw new EngineError("usage", `--ssh with keys needs a shorter --root: ${socket} is too long for a socket`);
	}
	const clients = new Set<Socket>();
	const server = createServer((client) => {
		clients.add(client.on("close", () => clients.delete(client)).on("error", () => client.destroy()));
		const protocol = new AgentProtocol(false);
		protocol.on("identities", (request) => protocol.getIdentitiesReply(request, [...keys]));
		protocol.on("sign", (request, wanted, data, { hash }) => {
			const key = keys.find((one) => one.getPublicSSH().equals(wanted.getPublicSSH()));
			const made = key?.sign(data, hash);
			const signature = key && made && !(made instanceof Error) && convertSignature(made, key.type);
			if (signature) protocol.signReply(request, signature);
			else protocol.failureReply(request);
		});
		protocol.on("error", () => client.destroy()); // what it sent is no request
		client.pipe(protocol).pipe(client);
	});
	try {
		await listen(server, socket);
	} catch (error) {
		removeTree(directory);
		throw error;
	}
	return {
		socket,
		async [Symbol.asyncDispose]() {
			for (const client of clients) client.destroy();
			server.close();
			removeTree(directory);
		},
	};
}

function listen(server: Server, path: string): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(path, () => resolve());
	});
}
