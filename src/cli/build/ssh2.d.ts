/** What is used of ssh2: its keys, and its side of the agent protocol. */
declare module "ssh2" {
	import type { Duplex } from "node:stream";

	interface ParsedKey {
		readonly type: string;
		isPrivateKey(): boolean;
		/** As SSH sends it. */
		getPublicSSH(): Buffer;
		/** As node:crypto makes it. */
		sign(data: Buffer, hash?: string): Buffer | Error;
	}
	export const utils: { parseKey(file: Buffer): ParsedKey | ParsedKey[] | Error };
	export type { ParsedKey };

	type Request = unknown;
	export class AgentProtocol extends Duplex {
		constructor(isClient: boolean);
		on(event: "identities", listener: (request: Request) => void): this;
		on(
			event: "sign",
			listener: (request: Request, key: ParsedKey, data: Buffer, options: { readonly hash?: string }) => void,
		): this;
		on(event: "error", listener: (error: Error) => void): this;
		getIdentitiesReply(request: Request, keys: readonly ParsedKey[]): void;
		signReply(request: Request, signature: Buffer): void;
		failureReply(request: Request): void;
	}
}
declare module "ssh2/lib/protocol/utils.js" {
	/** A signature as node:crypto makes it → as SSH sends it (RFC 5656: two numbers); false: it is none. */
	export function convertSignature(signature: Buffer, type: string): Buffer | false;
}
