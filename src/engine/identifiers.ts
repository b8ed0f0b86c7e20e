/** IDs and names of containers, as docker makes them. */
import { EngineError } from "../errors.ts";
import { randomBytes } from "../sys/random.ts";
import { consistsOf, DIGITS } from "../sys/text.ts";

/** 64 hexadecimal digits. The first twelve are never all decimal: tools would take the short ID for a number. */
export function newId(): string {
	for (;;) {
		const id = randomBytes(32).toHex();
		if (!consistsOf(id.slice(0, 12), DIGITS)) return id;
	}
}

export const shortId = (id: string): string => (id.startsWith("sha256:") ? id.slice(7, 19) : id.slice(0, 12));

/** Throws unless docker would take it: at least two characters. */
export function checkName(name: string): string {
	const bare = name.replace(/^\//, "");
	if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(bare)) {
		throw new EngineError("invalid", `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
	}
	return bare;
}

const ADJECTIVES =
	"able agile amber ample brave bright brisk calm candid cheerful civil clever cosmic crisp curious daring deft dreamy eager earnest elegant fair fearless festive fluent fond gentle gifted glad golden graceful happy hardy helpful honest humble jolly keen kind lively lucid lucky mellow merry mighty modest neat nimble noble patient placid plucky polite proud quick quiet rapid ready serene sharp silver sincere smart snug sober solid spry steady sturdy sunny swift tender tidy trusty upbeat vivid warm wise witty zesty".split(
		" ",
	);
const SURNAMES =
	"abbe agnesi ampere avogadro babbage banach bell bernoulli bohr boole born bose brahe cantor carson cauchy cerf chandrasekhar church clarke curie darwin dijkstra dirac edison einstein engelbart erdos euclid euler faraday fermat fermi feynman franklin galileo galois gauss germain godel goodall hamilton hawking heisenberg hertz hilbert hodgkin hopper hypatia jemison johnson joliot kepler kernighan khayyam knuth kovalevskaya lagrange lamarr laplace leavitt leibniz liskov lovelace lovell maxwell mcclintock meitner mendel mirzakhani morse nash newton nightingale noether pascal pasteur pauling perlman planck poincare ptolemy raman ramanujan ride ritchie rubin sagan shannon shaw somerville swartz tesla thompson torvalds turing volta wing wozniak wright wu yalow".split(
		" ",
	);

/** adjective_surname, and a digit behind it once luck runs out; `taken` says which are in use. */
export function newName(taken: (name: string) => boolean): string {
	const pick = (words: readonly string[]) => words[Math.floor(Math.random() * words.length)] ?? "";
	for (let attempt = 0; ; attempt++) {
		const name = `${pick(ADJECTIVES)}_${pick(SURNAMES)}${attempt > 5 ? Math.floor(Math.random() * 10 ** (attempt - 5)) : ""}`;
		if (!taken(name)) return name;
	}
}
