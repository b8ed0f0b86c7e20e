/** resolv.conf as a container gets it. */
import { expect, test } from "bun:test";
import { onlyLoopbackServers, renderHosts, renderResolvConf } from "../../../src/network/hosts.ts";

const plain = { servers: [], search: [], options: [], hostNetwork: false };

test("the host's resolv.conf, whatever white space it has, without servers on loopback", () => {
	const host =
		"# made by hand\r\n nameserver\t127.0.0.53\r\nnameserver  10.0.0.1  # ours\nsearch a b\nsearch c\td\noptions ndots:2 rotate";
	expect(renderResolvConf({ ...plain, host })).toBe("nameserver 10.0.0.1\nsearch c d\noptions ndots:2 rotate\n");
	expect(renderResolvConf({ ...plain, host, hostNetwork: true })).toBe(host);
	expect(renderResolvConf({ ...plain, host, servers: ["1.1.1.1"], search: ["."], options: ["debug"] })).toBe(
		"nameserver 1.1.1.1\noptions debug\n",
	);
	expect(renderResolvConf({ ...plain, host: "nameserver ::1\r\n" })).toBe("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
});

test("a file that names only the stub of systemd-resolved", () => {
	expect(
		["nameserver 127.0.0.53\r\n", "nameserver 10.1.1.1\nnameserver ::1", "", "search x"].map(onlyLoopbackServers),
	).toEqual([true, false, false, false]);
});

test("hosts has the container's names", () => {
	const text = renderHosts({ hostname: "a.b", domainname: "", ips: ["10.0.0.2"], extra: ["c:10.0.0.3"] });
	expect(text.split("\n").slice(-3)).toEqual(["10.0.0.3\tc", "10.0.0.2\ta.b a", ""]);
});
