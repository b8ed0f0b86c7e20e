/** Questions to name servers from within a container's network, and a server of the suite's own to be asked. */

import { formatIpv6 } from "../src/sys/ipv6.ts";

const TYPES: Readonly<Record<string, number>> = { A: 1, PTR: 12, AAAA: 28 };

export interface Answer {
	/** RFC 1035's response code; -1: none came. */
	readonly code: number;
	readonly truncated: boolean;
	/** Addresses and names, in their order. */
	readonly answers: string[];
}

/** RFC 1035, 4.1; with `edns` the record of RFC 6891 that says how much may come over UDP. */
export function encodeQuestion(name: string, { type = "A", edns }: { type?: string; edns?: number }): Uint8Array {
	const labels = name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
	const extension = edns === undefined ? [] : [0, 0, 41, edns >> 8, edns & 255, 0, 0, 0, 0, 0, 0];
	const header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, edns === undefined ? 0 : 1];
	return Uint8Array.from([...header, ...labels, 0, 0, TYPES[type] ?? 0, 0, 1, ...extension]);
}

/** Sends `before`, which nobody need answer, and then the question; from the network of the process. */
export async function ask(
	pid: number,
	server: string,
	question: Uint8Array,
	tcp: boolean,
	before: readonly Uint8Array[] = [],
): Promise<Answer> {
	const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
	const program = `
import socket, sys
q = bytes.fromhex('${hex(question)}')
if ${tcp ? "True" : "False"}:
    s = socket.create_connection(('${server}', 53), 4); s.sendall(len(q).to_bytes(2, 'big') + q)
    f = s.makefile('rb'); a = f.read(int.from_bytes(f.read(2), 'big'))
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(8)
    for p in '${before.map(hex).join(" ")}'.split(): s.sendto(bytes.fromhex(p), ('${server}', 53))
    s.sendto(q, ('${server}', 53))
    while True:
        a = s.recv(65535)
        if a[:2] == q[:2] and a[12:len(q)] == q[12:] or not ${before.length ? "True" : "False"}: break
print(a.hex())`;
	const child = Bun.spawn(["nsenter", "-t", String(pid), "-n", "python3", "-c", program], {
		stdout: "pipe",
		stderr: "pipe",
	});
	const text = (await new Response(child.stdout).text()).trim();
	if ((await child.exited) !== 0) return { code: -1, truncated: false, answers: [] };
	return decode(Buffer.from(text, "hex"));
}

function decode(message: Buffer): Answer {
	let at = 12;
	const name = (from: number): { text: string; end: number } => {
		const labels: string[] = [];
		let place = from;
		let end = -1;
		for (;;) {
			const length = message[place] ?? 0;
			if (length >= 0xc0) {
				if (end < 0) end = place + 2;
				place = message.readUInt16BE(place) & 0x3fff;
			} else if (length === 0) return { text: labels.join("."), end: end < 0 ? place + 1 : end };
			else {
				labels.push(message.subarray(place + 1, place + 1 + length).toString());
				place += 1 + length;
			}
		}
	};
	if (message.readUInt16BE(4)) at = name(at).end + 4;
	const answers: string[] = [];
	for (let i = 0; i < message.readUInt16BE(6); i++) {
		at = name(at).end;
		const type = message.readUInt16BE(at);
		const length = message.readUInt16BE(at + 8);
		at += 10;
		if (type === TYPES["A"]) answers.push([...message.subarray(at, at + 4)].join("."));
		if (type === TYPES["AAAA"]) answers.push(formatIpv6(message.subarray(at, at + 16)));
		if (type === TYPES["PTR"]) answers.push(name(at).text);
		at += length;
	}
	return { code: (message[3] ?? 0) & 15, truncated: ((message[2] ?? 0) & 2) !== 0, answers };
}

/** A server for *.example.com: 192.0.2.7; large.example.com has 200 addresses, which need TCP. */
export async function upstream(ip: string): Promise<Disposable & { questions(): number }> {
	const program = `
import socket, threading, sys
def answer(q, tcp):
    end = q.index(b'\\0', 12) + 5
    n = 200 if b'large' in q else 1
    cut = n > 20 and not tcp
    a = q[:2] + bytes([0x83 if cut else 0x81, 0x80]) + q[4:6] + (0 if cut else n).to_bytes(2, 'big') + b'\\0\\0\\0\\0' + q[12:end]
    if not cut: a += (b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\xc0\\0\\2\\7') * n
    print('asked', flush=True)
    return a
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('${ip}', 53))
t = socket.create_server(('${ip}', 53))
def udp():
    while True:
        q, a = u.recvfrom(4096); u.sendto(answer(q, False), a)
threading.Thread(target=udp, daemon=True).start()
print('ready', flush=True)
while True:
    c, _ = t.accept(); f = c.makefile('rb'); q = f.read(int.from_bytes(f.read(2), 'big')); r = answer(q, True)
    c.sendall(len(r).to_bytes(2, 'big') + r); c.close()`;
	const child = Bun.spawn(["python3", "-c", program], { stdout: "pipe", stderr: "ignore" });
	let questions = 0;
	const ready = Promise.withResolvers<void>();
	(async () => {
		for await (const chunk of child.stdout) {
			const text = Buffer.from(chunk).toString();
			if (text.includes("ready")) ready.resolve();
			questions += text.split("asked").length - 1;
		}
	})();
	await ready.promise;
	return { questions: () => questions, [Symbol.dispose]: () => child.kill() };
}
