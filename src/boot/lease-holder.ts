/**
 * An interface that has its address by DHCP: put there, prolonged in time, taken away when the lease ends, and asked for
 * again (RFC 2131, 4.4.5).
 */
import { messageOf } from "../errors.ts";
import { formatIpv4 } from "../sys/ipv4.ts";
import { Rtnetlink } from "../sys/rtnetlink.ts";
import { acquireLease, type Client, type Lease, renewLease } from "./dhcp.ts";
import { writeResolver } from "./resolver.ts";

const FOREVER_S = 0xffffffff;
/** However short a lease is, nobody is asked more often. */
const LEAST_S = 5;
/** Without a lease, an attempt: half a second in which this process does nothing else. */
const RETRY_S = 60;
const LONGEST_TIMER_S = 2_000_000; // setTimeout counts in 31 bits of milliseconds

export class LeaseHolder {
	readonly #client: Client;
	readonly #index: number;
	readonly #say: (text: string) => void;
	#lease: Lease | undefined;
	/** When it ends, by performance.now(). */
	#end = 0;

	/** `index` is the interface's; `say` tells on the console what comes of it. */
	constructor(client: Client, index: number, say: (text: string) => void) {
		this.#client = client;
		this.#index = index;
		this.#say = say;
	}

	/** Asks for the first lease, and goes on in the background, whatever comes of it. */
	begin(): void {
		const lease = acquireLease(this.#client);
		if (lease) this.#hold(lease);
		else {
			this.#say(`no DHCP server answers on ${this.#client.device}: going on without a network, and asking again`);
			this.#askIn(RETRY_S);
		}
	}

	#hold(lease: Lease): void {
		const isNew = this.#lease?.ip !== lease.ip || this.#lease.prefix !== lease.prefix;
		if (isNew) this.#giveUp();
		this.#lease = lease;
		this.#end = performance.now() + 1000 * lease.seconds;
		if (lease.seconds !== FOREVER_S) this.#askIn(lease.seconds / 2);
		this.#apply(lease, isNew);
	}

	/** What of it the kernel refuses does not keep the rest from being used. */
	#apply(lease: Lease, isNew: boolean): void {
		const { device } = this.#client;
		using rtnetlink = new Rtnetlink();
		this.#try(() => writeResolver(lease));
		if (isNew) this.#try(() => rtnetlink.addAddress(device, this.#index, lease.ip, lease.prefix));
		const { gateway } = lease;
		if (gateway !== undefined) this.#try(() => rtnetlink.setDefaultRoute(gateway, this.#index));
		const via = gateway === undefined ? "" : ` via ${formatIpv4(gateway)}`;
		if (isNew) this.#say(`${device} is ${formatIpv4(lease.ip)}/${lease.prefix}${via} (DHCP, ${lease.seconds} s)`);
	}

	/** An address that is another's now would disturb that one; the kernel takes its routes away with it. */
	#giveUp(): void {
		const lease = this.#lease;
		if (!lease) return;
		this.#lease = undefined;
		using rtnetlink = new Rtnetlink();
		this.#try(() => rtnetlink.removeAddress(this.#client.device, this.#index, lease.ip, lease.prefix));
	}

	#try(action: () => void): void {
		try {
			action();
		} catch (error) {
			this.#say(`network interface ${this.#client.device}: ${messageOf(error)}`);
		}
	}

	#askIn(seconds: number): void {
		const milliseconds = 1000 * Math.min(Math.max(seconds, LEAST_S), LONGEST_TIMER_S);
		setTimeout(() => this.#ask(), milliseconds).unref();
	}

	#ask(): void {
		let answer: Lease | "refused" | undefined;
		try {
			answer = this.#lease ? this.#renew(this.#lease) : acquireLease(this.#client, 1);
		} catch {
			// The link is down: the next attempt may find it up.
		}
		if (answer === "refused") {
			this.#giveUp();
			this.#say(`${this.#client.device}: its lease has ended: asking for another address`);
			this.#askIn(0);
		} else if (answer) this.#hold(answer);
		else this.#askIn(this.#lease ? (this.#end - performance.now()) / 2000 : RETRY_S);
	}

	/** From half its time on its server is asked, in the last eighth anybody; at its end it is as good as refused. */
	#renew(lease: Lease): Lease | "refused" | undefined {
		const left = (this.#end - performance.now()) / 1000;
		const answer = renewLease(this.#client, lease, left < lease.seconds / 8);
		return answer ?? (left <= 0 ? "refused" : undefined);
	}
}
