/** The notices of everything that the executable carries, for `version --licenses`. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

const DEBIAN: readonly { readonly what: string; readonly note: string; readonly files: readonly string[] }[] = [
	{
		what: "GNU C Library (loader and libraries for hosts without one; unchanged files of Debian's package libc6)",
		note: "Under the LGPL 2.1 or later. Its source is Debian's source package glibc. To put another build of it in: compile NanoContainer on a machine that has that build (native/self-contained.ts).",
		files: ["/usr/share/doc/libc6/copyright", "/usr/share/doc/libc6-arm64-cross/copyright"],
	},
	{
		what: "busybox (the embedded image; an unchanged file of Debian's package busybox-static)",
		note: "Under the GPL 2. Its source is Debian's source package busybox.",
		files: ["/usr/share/doc/busybox-static/copyright"],
	},
	{
		what: "musl (in the monitor)",
		note: "Under the MIT licence.",
		files: ["/usr/share/doc/musl/copyright", "/usr/share/doc/musl-dev/copyright"],
	},
];

const section = (title: string, ...body: readonly string[]): string =>
	`${"=".repeat(80)}\n${title}\n${"=".repeat(80)}\n\n${body.join("\n\n").trim()}\n\n`;

/** Every package that the dependencies of package.json bring. */
export function dependencies(file = "package.json", found = new Set<string>()): Set<string> {
	const { dependencies: names = {} } = JSON.parse(readFileSync(file, "utf8")) as { dependencies?: object };
	for (const name of Object.keys(names).filter((candidate) => !found.has(candidate))) {
		found.add(name);
		dependencies(`node_modules/${name}/package.json`, found);
	}
	return found;
}

function npmNotice(name: string): string {
	const dir = `node_modules/${name}`;
	const file = readdirSync(dir).find((entry) => /^licen[sc]e/i.test(entry));
	if (!file) {
		const { license, author, homepage } = JSON.parse(readFileSync(`${dir}/package.json`, "utf8"));
		return section(name, `Licence: ${license}. By ${author}. ${homepage}`);
	}
	return section(name, readFileSync(`${dir}/${file}`, "utf8"));
}

/** One text; a notice that this machine does not have is left out, and that is said. */
export function licenceText(): string {
	const own = section("NanoContainer", readFileSync("LICENSE", "utf8"));
	const bun = readFileSync("node_modules/bun-types/docs/project/license.mdx", "utf8").replace(/^---.*?---\n/s, "");
	const debian = DEBIAN.map(({ what, note, files }) => {
		const found = files.find((file) => existsSync(file));
		return section(what, note, found ? readFileSync(found, "utf8") : "(its notice is not on the machine of this build)");
	});
	const npm = [...dependencies()].sort().map(npmNotice);
	return own + section("Bun (the runtime, and what it links)", bun) + npm.join("") + debian.join("");
}
