/** Chooses the manifest for a platform out of an index (image-spec image-index.md; containerd's platform matching). Pure. */
import { EngineError } from "../../errors.ts";
import type { Index, Platform } from "./spec.ts";

/** This machine's platform. */
export function hostPlatform(): Platform {
	return process.arch === "arm64"
		? { os: "linux", architecture: "arm64", variant: "v8" }
		: { os: "linux", architecture: "amd64", variant: "" };
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
	x86_64: "amd64",
	"x86-64": "amd64",
	aarch64: "arm64",
	i386: "386",
	armhf: "arm/v7",
	armel: "arm/v6",
};
const KNOWN_ARCHITECTURES = new Set(
	"386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(" "),
);
/** A variant that is the same as none. */
const DEFAULT_VARIANT: Readonly<Record<string, string>> = { arm64: "v8", amd64: "v1", arm: "v7" };

/** "linux/arm64/v8", "arm64" (of linux), "linux" (of this machine). */
export function parsePlatform(text: string): Platform {
	const parts = text.toLowerCase().split("/");
	const bad = () =>
		new EngineError("usage", `error parsing specified platform: "${text}": unknown operating system or architecture`);
	if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) throw bad();
	const [first = "", second, variant] = parts;
	const [name = "", implied = ""] = (ARCHITECTURES[second ?? first] ?? second ?? first).split("/");
	if (second !== undefined) return { os: first, architecture: name, variant: variant ?? implied };
	if (first === "linux") return hostPlatform();
	if (!KNOWN_ARCHITECTURES.has(name)) throw bad();
	return { os: "linux", architecture: name, variant: implied };
}

export const formatPlatform = (platform: Platform): string =>
	[platform.os, platform.architecture, platform.variant].filter(Boolean).join("/");

const variantOf = (platform: Platform): string => platform.variant || DEFAULT_VARIANT[platform.architecture] || "";

/** Whether an image for `have` runs where `want` is asked for. */
export function platformMatches(want: Platform, have: Platform): boolean {
	return (
		want.os === have.os &&
		want.architecture === have.architecture &&
		(variantOf(want) === variantOf(have) || (!have.variant && want.architecture !== "arm"))
	);
}

/** 32-bit ARM: a v7 machine runs v6 and v5, the nearest first; a 64-bit one runs v8 only, here. */
function acceptable(want: Platform): Platform[] {
	const levels = /^v(\d)$/.exec(variantOf(want));
	if (want.architecture !== "arm" || !levels) return [want];
	return Array.from({ length: Number(levels[1]) - 4 }, (_, i) => ({ ...want, variant: `v${Number(levels[1]) - i}` }));
}

/** The entry of an index to pull. Attestations (platform unknown/unknown) are none. */
export function choosePlatform(index: Index, want: Platform): Index["manifests"][number] | undefined {
	const images = index.manifests.filter(
		(entry) => entry.annotations?.["vnd.docker.reference.type"] === undefined && entry.platform?.os !== "unknown",
	);
	for (const platform of acceptable(want)) {
		const found = images.find((entry) => entry.platform && platformMatches(platform, entry.platform));
		if (found) return found;
	}
	// An index of one image that doesn't say what it is for is taken at its word.
	return images.length === 1 && !images[0]?.platform ? images[0] : undefined;
}
