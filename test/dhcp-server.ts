/**
 * A DHCP server for tests (RFC 2131), in a process of its own because it lives in another network namespace: it answers
 * as a script says, and prints what it was asked. `bun test/dhcp-server.ts '[{"ip": …}, …]'`: one answer a lease; when
 * they are used up, renewals are refused.
 */
interface Answer {
	readonly ip: string;
	readonly mask: string;
	readonly router: string;
	readonly dns: string;
	/** Seconds. */
	readonly lease: number;
	/** How often it may be prolonged. */
	readonly renewals: number;
}

const [DISCOVER, OFFER, REQUEST, ACK, NAK] = [1, 2, 3, 5, 6] as const;
const SERVER = "10.88.0.1";
const answers: Answer[] = JSON.parse(process.argv[2] ?? "[]");
let at = 0;
let renewals = 0;

const address = (text: string): number[] => text.split(".").map(Number);
const option = (code: number, bytes: number[]): number[] => [code, bytes.length, ...bytes];
const seconds = (count: number): number[] => [count >>> 24, (count >>> 16) & 255, (count >>> 8) & 255, count & 255];

function reply(request: Buffer, type: number, answer: Answer): Buffer {
	const bytes = Buffer.alloc(400);
	request.copy(bytes, 0, 0, 240);
	bytes[0] = 2;
	if (type !== NAK) bytes.set(address(answer.ip), 16);
	const options = [...option(53, [type]), ...option(54, address(SERVER))];
	if (type !== NAK) {
		options.push(...option(1, address(answer.mask)), ...option(3, address(answer.router)));
		options.push(...option(6, address(answer.dns)), ...option(51, seconds(answer.lease)));
	}
	bytes.set([...options, 255], 240);
	return bytes;
}

/** What to say to a message of this type; undefined: nothing. */
function decide(type: number | undefined, inUse: string): { type: number; answer: Answer } | undefined {
	const answer = answers[at];
	if (!answer) return undefined;
	if (type === DISCOVER) return { type: OFFER, answer };
	if (type !== REQUEST) return undefined;
	if (inUse === "0.0.0.0") return { type: ACK, answer };
	if (inUse === answer.ip && renewals++ < answer.renewals) return { type: ACK, answer };
	at++;
	renewals = 0;
	return { type: NAK, answer };
}

const socket = await Bun.udpSocket({
	port: 67,
	socket: {
		data(socket, request) {
			const type = request[request.indexOf(Buffer.from([53, 1]), 240) + 2];
			const inUse = [...request.subarray(12, 16)].join(".");
			process.stdout.write(`${type === DISCOVER ? "discover" : `request ${inUse}`}\n`);
			const said = decide(type, inUse);
			if (!said) return;
			const to = inUse === "0.0.0.0" || said.type === NAK ? "255.255.255.255" : inUse;
			socket.send(reply(request, said.type, said.answer), 68, to);
		},
	},
});
socket.setBroadcast(true);
process.stdout.write("ready\n");

export {};
