/** A build step as a container that is never recorded: docker's defaults, and what the build's flags say. Pure. */
import type { RunStep } from "../../build/session/host.ts";
import { type Container, type HostConfig, NEW_STATE } from "../../store/container-record.ts";
import { NO_SETTINGS } from "../../store/endpoint-record.ts";
import { BRIDGE } from "../../store/networks.ts";

const BRIDGE_ENDPOINT = { ...NO_SETTINGS, name: BRIDGE, network: "", lease: null };
const DEFAULT_SHM = 64 * 1024 * 1024;
/** BuildKit's name for where steps run. */
const HOSTNAME = "buildkitsandbox";

export function stepContainer(id: string, step: RunStep, interactive: boolean, tty: boolean): Container {
	const host: HostConfig = {
		annotations: {},
		autoRemove: true,
		binds: [],
		capAdd: [],
		capDrop: [],
		cgroupParent: step.cgroupParent,
		deviceCgroupRules: [],
		devices: [],
		dns: [],
		dnsOptions: [],
		dnsSearch: [],
		extraHosts: [...step.addHosts],
		groupAdd: [],
		init: false,
		logDriver: "none",
		mounts: [],
		networkMode: step.network,
		oomScoreAdj: 0,
		portBindings: [],
		privileged: step.privileged,
		publishAllPorts: false,
		readonlyRootfs: false,
		...{ ipcMode: "private", pidMode: "", utsMode: "" },
		restartPolicy: { name: "no", maximumRetryCount: 0 },
		resources: { ...step.resources },
		securityOpt: [],
		shmSize: step.shmSize ?? DEFAULT_SHM,
		sysctls: {},
		ulimits: [...step.ulimits],
		volumesFrom: [],
	};
	return {
		id,
		name: id,
		created: 0,
		config: {
			image: "",
			imageId: "",
			entrypoint: null,
			cmd: [...step.args],
			env: [...step.env],
			user: step.user,
			workingDir: step.workingDir,
			labels: {},
			hostname: HOSTNAME,
			domainname: "",
			macAddress: "",
			tty,
			openStdin: interactive,
			stdinOnce: interactive,
			attach: ["stdout", "stderr"],
			stopSignal: "",
			stopTimeout: null,
			exposedPorts: [],
			volumes: [],
			platform: "",
			host,
		},
		state: { ...NEW_STATE, endpoints: step.network === BRIDGE ? [BRIDGE_ENDPOINT] : [] },
	};
}
