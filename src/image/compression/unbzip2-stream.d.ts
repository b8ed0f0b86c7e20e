/** unbzip2-stream has no types of its own. */
declare module "unbzip2-stream" {
	interface Decoder {
		write(bytes: Uint8Array): boolean;
		end(): void;
		on(event: "data", listener: (bytes: Uint8Array) => void): this;
		on(event: "error", listener: (error: unknown) => void): this;
	}
	export default function unbzip2(): Decoder;
}
