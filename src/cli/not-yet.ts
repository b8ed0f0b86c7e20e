/** Commands of docker's that wait for later, each with what can be done instead, where something can. */

const SWARM = "there is no swarm: one host";

const COMMANDS_NOT_YET: Readonly<Record<string, string>> = {
	compose: "run the containers one by one",
	events: "ask ps, or follow one container with logs --follow",
	import: "ADD the archive in a Dockerfile: FROM scratch",
	login: "write the credentials into config.json, as docker login does",
	logout: "take the credentials out of config.json",
	manifest: "build --platform makes an index of several platforms",
	node: SWARM,
	plugin: "there are no plugins",
	push: "build --push pushes what it builds",
	save: "build --output type=docker,dest=FILE makes an archive",
	search: "",
	secret: SWARM,
	service: SWARM,
	stack: SWARM,
	swarm: SWARM,
	trust: "no content trust is asked",
};

const ONE_BUILDER = "there is one builder, this program";

/** Under a noun: those that are no commands by themselves, too. */
const MEMBERS_NOT_YET: Readonly<Record<string, string>> = {
	"buildx bake": "build each target",
	"buildx create": ONE_BUILDER,
	"buildx inspect": ONE_BUILDER,
	"buildx ls": ONE_BUILDER,
	"buildx rm": ONE_BUILDER,
	"buildx use": ONE_BUILDER,
};

/** What is said of a command that is docker's and not here; undefined: docker has none of that name either. */
export function notYet(noun: string, member?: string): string | undefined {
	const isVerb = member === undefined || /^(container|image|system)$/.test(noun);
	const name = member === undefined ? noun : `${noun} ${member}`;
	const advice = Object.hasOwn(MEMBERS_NOT_YET, name)
		? MEMBERS_NOT_YET[name]
		: isVerb && Object.hasOwn(COMMANDS_NOT_YET, member ?? noun)
			? COMMANDS_NOT_YET[member ?? noun]
			: undefined;
	return advice === undefined
		? undefined
		: `'${name}' is not supported by NanoContainer yet${advice ? `: ${advice}` : ""}`;
}
