/** Dockerfiles in which builders have differed: each says what BuildKit makes of it. */
import type { Entry } from "./corpus.ts";

const FROM = "FROM nanocontainer/busybox\n";
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const BUILDKIT: readonly Entry[] = [
	{
		name: "a COPY of what is there and of a pattern that matches nothing is one file",
		dockerfile: `${FROM}COPY f nomatch* /z`,
		files: { f: "one\n" },
		run: ["cat /z", "one\n"],
		peers: true,
	},
	{
		name: "two files still need a directory",
		dockerfile: `${FROM}COPY f g* /z`,
		files: { f: "1", g1: "2" },
		fails: /more than one source file, the destination must be a directory and end with a \//,
	},
	{
		name: "an escape is gone before a pattern is read, and of what that matches the last remains",
		dockerfile: `${FROM}COPY n\\?pe /z`,
		files: { "n?pe": "first\n", nope: "last\n" },
		run: ["cat /z", "last\n"],
		peers: true,
	},
	{
		name: "an array in an array is no command",
		dockerfile: `${FROM}CMD ["echo", ["nested"]]`,
		fails: /When using JSON array syntax, arrays must be comprised of strings only/,
	},
	{
		name: "an object in an array neither",
		dockerfile: `${FROM}RUN ["echo", {"a": "]"}]`,
		fails: /comprised of strings only/,
	},
	{
		name: "brackets in strings are characters",
		dockerfile: `${FROM}CMD ["echo", "a]b["]`,
		run: ["echo ok", "ok\n"],
		config: { Cmd: ["echo", "a]b["] },
	},
	{
		name: "a default that is overridden is not evaluated, globally and in a stage",
		dockerfile: `ARG BASE=\${NONE:?no base}\nFROM \${BASE}\nARG FOO=\${NEVER:?text}\nRUN echo $FOO > /f`,
		flags: ["--build-arg", "BASE=nanocontainer/busybox", "--build-arg", "FOO=given"],
		run: ["cat /f", "given\n"],
	},
	{ name: "one that is not overridden is", dockerfile: `${FROM}ARG FOO=\${NEVER:?text}`, fails: /NEVER: text/ },
	{
		name: "a proxy is set in both spellings",
		dockerfile: `${FROM}RUN echo $http_proxy $HTTP_PROXY $no_proxy $NO_PROXY > /p`,
		flags: ["--build-arg", "HTTP_PROXY=http://p:1", "--build-arg", "no_proxy=local"],
		run: ["cat /p", "http://p:1 http://p:1 local local\n"],
	},
	{
		name: "a platform of four parts",
		dockerfile: "FROM --platform=a/b/c/d nanocontainer/busybox",
		fails: /failed to parse platform a\/b\/c\/d: "a\/b\/c\/d": cannot parse platform specifier/,
	},
	{
		name: "a platform that nobody knows",
		dockerfile: "FROM --platform=nonsense nanocontainer/busybox",
		fails: /failed to parse platform nonsense/,
	},
	{
		name: "from= takes no variable",
		dockerfile: `FROM nanocontainer/busybox AS a\n${FROM}ARG x=a\nRUN --mount=from=$x,target=/m true`,
		fails: /'from' doesn't support variable expansion, define alias stage instead/,
	},
	{
		name: "type= does, and the other keys",
		dockerfile: `${FROM}ARG T=tmpfs\nARG W=/m\nRUN --mount=type=$T,target=$W grep -c ' /m tmpfs' /proc/mounts > /n`,
		run: ["cat /n", "1\n"],
	},
	{
		name: "a type that is none, by a variable",
		dockerfile: `${FROM}ARG T=tmpf\nRUN --mount=type=$T,target=/m true`,
		fails: /unsupported mount type "tmpf" \(did you mean tmpfs\?\)/,
	},
	{
		name: "a mount option that is mistyped",
		dockerfile: `${FROM}RUN --mount=type=cache,targt=/m true`,
		fails: /unexpected key 'targt' in 'targt=\/m' \(did you mean target\?\)/,
	},
	{
		name: "a mount type that is mistyped",
		dockerfile: `${FROM}RUN --mount=type=cahce,target=/m true`,
		fails: /unsupported mount type "cahce" \(did you mean cache\?\)/,
	},
	{
		name: "a target that is mistyped",
		dockerfile: "FROM nanocontainer/busybox AS build",
		flags: ["--target", "bulid"],
		fails: /target stage "bulid" could not be found \(did you mean build\?\)/,
	},
	{
		name: "TARGETSTAGE is what is asked for, in every stage",
		dockerfile: `FROM nanocontainer/busybox AS one\nARG TARGETSTAGE\nRUN echo $TARGETSTAGE > /s\nFROM one AS two\nRUN true`,
		run: ["cat /s", "two\n"],
	},
	{
		name: "TARGETSTAGE with --target, and before the first FROM",
		dockerfile: `ARG TARGETSTAGE\nARG NAME=is-\${TARGETSTAGE}\nFROM nanocontainer/busybox AS one\nARG NAME\nRUN echo $NAME > /s\nFROM one AS two`,
		flags: ["--target", "one"],
		run: ["cat /s", "is-one\n"],
	},
	{
		name: "COPY --link to an empty destination goes to the working directory",
		dockerfile: `${FROM}WORKDIR /w\nARG D\nCOPY --link f $D\nCOPY --link f .\n`,
		files: { f: "here\n" },
		run: ["cat /w/f", "here\n"],
	},
	{
		name: "--parents with the mark behind a wildcard",
		dockerfile: `# syntax=docker/dockerfile:1-labs\n${FROM}COPY --parents a/*/./c/*.txt /p/`,
		files: { "a/b1/c/one.txt": "1", "a/b2/c/two.txt": "2" },
		run: ["cd /p; find . -type f | sort", "./c/one.txt\n./c/two.txt\n"],
	},
	{
		name: "--parents that matches nothing makes the destination",
		dockerfile: `${FROM}COPY --parents a/*.none /p/`,
		files: { "a/x": "1" },
		run: ["ls -ld /p | cut -c1-10; ls /p | wc -l", "drwxr-xr-x\n0\n"],
	},
	{
		name: "--chmod is of the directories on the way too",
		dockerfile: `${FROM}COPY --parents --chmod=0711 a/b/f /p/`,
		files: { "a/b/f": "1" },
		run: ["stat -c '%a' /p /p/a /p/a/b /p/a/b/f", "755\n711\n711\n711\n"],
	},
	{
		name: "a mode of five digits",
		dockerfile: `${FROM}COPY --chmod=10000 f /f`,
		files: { f: "" },
		fails: /invalid chmod parameter: '10000'. it should be octal string and between 0 and 07777/,
	},
	{
		name: "a mode that is not octal",
		dockerfile: `${FROM}COPY --chmod=0888 f /f`,
		files: { f: "" },
		fails: /invalid chmod parameter: '0888'/,
	},
	{
		name: "a mode of four digits",
		dockerfile: `${FROM}COPY --chmod=07755 f /f`,
		files: { f: "" },
		run: ["stat -c %a /f", "7755\n"],
	},
	{
		name: "a stage that is defined later is named",
		dockerfile: `FROM nanocontainer/busybox AS one\nCOPY --from=two /etc/passwd /p\nFROM nanocontainer/busybox AS two\nFROM one`,
		fails: /cannot copy from stage "two", it needs to be defined before current stage "one"/,
	},
	{ name: "ARG alone", dockerfile: "ARG a=b", fails: /dockerfile contains no stages to build/ },
	{
		name: "an instruction before FROM",
		dockerfile: "RUN true\nFROM scratch",
		fails: /no build stage in current context/,
	},
	{
		name: "an owner that the image does not know is root",
		dockerfile: `${FROM}COPY --chown=nosuch f /f\nCOPY --chown=nosuch:nogroup f /g\nCOPY --chown=12:nosuch f /h`,
		files: { f: "" },
		run: ["stat -c %u:%g /f /g /h", "0:0\n0:65534\n12:12\n"],
		peers: true,
	},
	{
		name: "WORKDIR for a user that the image does not know",
		dockerfile: `${FROM}USER nosuch\nWORKDIR /w/x\nUSER root`,
		run: ["stat -c %u:%g /w/x", "0:0\n"],
		peers: true,
	},
	{ name: "a base has a PATH", dockerfile: "FROM nanocontainer/busybox\nENV A=1", config: { Env: [PATH, "A=1"] } },
	{
		name: "a name's group is the user's own, whatever group has the name",
		dockerfile: `${FROM}RUN echo web:x:1000:100::/:/bin/sh >>/etc/passwd; echo web:x:2000: >>/etc/group\nCOPY --chown=web f /f`,
		files: { f: "" },
		run: ["stat -c %u:%g /f", "1000:100\n"],
		peers: true,
	},
	{
		name: "an escape takes a wildcard's meaning in an expansion",
		dockerfile: `${FROM}ENV X=a*b*c\nENV A=\${X%%\\**} B=\${X#*\\*} C=\${X/\\*/-}\nRUN echo "$A $B $C" > /f`,
		run: ["cat /f", "a b*c a-b*c\n"],
	},
	{
		name: "special parameters are names that nothing sets",
		dockerfile: `${FROM}ENV X="a$$b|$?|$!|$-|"\nRUN echo "$X" > /f`,
		run: ["cat /f", "ab||||\n"],
	},
	{
		name: "two stars in a source are one, but with --parents",
		dockerfile: `# syntax=docker/dockerfile:1-labs\n${FROM}COPY **/*.txt /one/\nCOPY --parents **/*.txt /deep/\nRUN find /one /deep -type f | sort > /f`,
		files: { "root.txt": "", "a/1.txt": "", "a/b/2.txt": "" },
		run: ["cat /f", "/deep/a/1.txt\n/deep/a/b/2.txt\n/deep/root.txt\n/one/1.txt\n"],
	},
	{
		name: "COPY takes no URL",
		dockerfile: `${FROM}COPY https://127.0.0.1:1/x /y/`,
		fails: /source can't be a URL for COPY/,
	},
];
