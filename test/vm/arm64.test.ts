import { expect, test } from "bun:test";
import { file } from "./cpio.ts";
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

test("arm64: the monitor is begun before the command knows what for", async () => {
	const script = `mkfifo /tmp/f
/nc --root /tmp/root --run /tmp/run run --rm --network none --env-file /tmp/f ${IMAGE} sh -c 'echo it was $W' &
until grep -qa nanocontainer-monitor.------ /proc/[0-9]*/cmdline; do usleep 10000; done
echo W=waiting > /tmp/f
wait
`;
	const inside = `--privileged --tmpfs /tmp -v /NanoContainer:/nc -v /script:/script ${IMAGE} sh /script`;
	const vm = machine({ arch: "arm64", files: [file("script", script)], parameters: [run(inside)] });
	await vm.says("it was waiting", 110_000);
}, 170_000);
