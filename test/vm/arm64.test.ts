import { expect, test } from "bun:test";
import { IMAGE, machine, run } from "./guest.ts";

test("arm64, cross-built: it boots, runs a container on the bridge, and is what it says", async () => {
	const vm = machine({
		arch: "arm64",
		parameters: [
			run(`${IMAGE} sh -c 'uname -m; ip addr show eth0; grep Seccomp: /proc/self/status'`),
			"nanocontainer.console",
		],
	});
	await vm.says("aarch64", 110_000);
	await vm.says(/inet 172\.\d+\.0\.\d+\/16/);
	await vm.says(/Seccomp:\s2/);
	await vm.says(/container \w+ ended \(exit code 0\)/);
	await vm.says("/ # ");
	vm.type("poweroff -f\n");
	await vm.ended();
	expect(vm.output()).not.toContain("cannot");
}, 170_000);
