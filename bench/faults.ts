/**
 * Page faults: what a start costs where memory is virtual twice, and a figure that no noise moves. Of minor faults alone
 * (getrusage(2)): all that is read is in the page cache by then.
 */
import { readFileSync } from "node:fs";
import { IMAGE, nc, row, wanted } from "./compare.ts";

/** Fields of /proc/PID/stat (proc_pid_stat(5)), counted behind the name, which may hold spaces: its own, its children's. */
const MINFLT = 7;
const CMINFLT = 8;
const field = (stat: string, index: number): number => Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[index]);

/** Of a command and of those that it waits for. The shell's fork counts too: what `true` costs is taken off. */
function faultsOf(command: readonly string[]): number {
	const script = '"$@" >/dev/null; read -r stat </proc/$$/stat; echo "$stat"';
	const { stdout, stderr, success } = Bun.spawnSync(["sh", "-c", script, "sh", ...command]);
	if (!success || stderr.length) throw new Error(`${command.join(" ")}: ${stderr}`);
	return field(stdout.toString(), CMINFLT);
}

const faultsOfProcess = (pid: string): number => field(readFileSync(`/proc/${pid}/stat`, "latin1"), MINFLT);

/** "bench" is a container that runs. */
export function faults(): void {
	const title = "page faults";
	if (!wanted(title)) return;
	const empty = faultsOf(["true"]);
	const commands: Readonly<Record<string, readonly string[]>> = {
		"`--version`": nc("--version"),
		"`ps`": nc("ps"),
		"`run --rm --network none … true`": nc("run", "--rm", "--network", "none", IMAGE, "true"),
		"`exec … true`": nc("exec", "bench", "true"),
	};
	for (const [name, command] of Object.entries(commands)) {
		const counts = Array.from({ length: 5 }, () => faultsOf(command) - empty).sort((a, b) => a - b);
		row(title, name, `${counts[2]}`);
	}
	const inspected = Bun.spawnSync(nc("inspect", "-f", "{{.Id}} {{.State.Pid}}", "bench"))
		.stdout.toString()
		.trim();
	const [id = "", init = ""] = inspected.split(" ");
	const monitor = Bun.spawnSync(["pgrep", "-f", `^nanocontainer-monitor ${id}`])
		.stdout.toString()
		.trim();
	row(title, "the monitor of a container that runs", `${faultsOfProcess(monitor)}`);
	row(title, "its first process (`sleep`), with what was done in it before", `${faultsOfProcess(init)}`);
}
