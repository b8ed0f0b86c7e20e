/**
 * Dockerfiles of our own writing, as varied as the reference allows: each is parsed; those with `run` are built, and what
 * their image does or says is checked. The base is the image that the program carries.
 */

export interface Entry {
	readonly name: string;
	readonly dockerfile: string;
	/** Files of the context besides the Dockerfile; a name that ends with "/" is a directory. */
	readonly files?: Readonly<Record<string, string>>;
	readonly flags?: readonly string[];
	/** A shell command in the image, and what it prints. */
	readonly run?: readonly [command: string, output: string];
	/** Parts of the image's Config. */
	readonly config?: Readonly<Record<string, unknown>>;
	/** The build fails, and says this. */
	readonly fails?: RegExp;
	/** The same file under docker's own builder makes the same image: compared where docker is installed. */
	readonly peers?: boolean;
}

const FROM = "FROM nanocontainer/busybox\n";

export const CORPUS: readonly Entry[] = [
	{ name: "one RUN", dockerfile: `${FROM}RUN echo hi > /hi`, run: ["cat /hi", "hi\n"], peers: true },
	{
		name: "lower case",
		dockerfile: "from nanocontainer/busybox\nrun echo low > /l\ncmd cat /l",
		run: ["cat /l", "low\n"],
	},
	{
		name: "exec form",
		dockerfile: `${FROM}RUN ["/bin/sh", "-c", "echo '$HOME' > /e"]`,
		run: ["cat /e", "$HOME\n"],
		peers: true,
	},
	{
		name: "a comment between continued lines",
		dockerfile: `${FROM}RUN echo a \\\n# not shown\n  b \\\n  > /c`,
		run: ["cat /c", "a b\n"],
		peers: true,
	},
	{ name: "empty lines in a continuation", dockerfile: `${FROM}RUN echo a \\\n\n  b > /c`, run: ["cat /c", "a b\n"] },
	{
		name: "escape directive",
		dockerfile: "# escape=`\nFROM nanocontainer/busybox\nRUN echo a `\n  b > /c && echo x\\y > /d",
		run: ["cat /c /d", "a b\nxy\n"],
	},
	{ name: "syntax directive", dockerfile: `# syntax=docker/dockerfile:1.7\n${FROM}RUN true`, run: ["echo ok", "ok\n"] },
	{
		name: "byte order mark and CRLF",
		dockerfile: `\uFEFFFROM nanocontainer/busybox\r\nRUN echo a > /a\r\n`,
		run: ["cat /a", "a\n"],
	},
	{
		name: "ENV forms",
		dockerfile: `${FROM}ENV A=1 B="two words" C=three\\ words D='single $A'\nENV old style value`,
		config: {
			Env: [
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"A=1",
				"B=two words",
				"C=three words",
				"D=single $A",
				"old=style value",
			],
		},
		peers: true,
	},
	{
		name: "ENV sees the values from before",
		dockerfile: `${FROM}ENV a=hello\nENV a=bye b=$a\nENV c=$a`,
		run: ["echo $a $b $c", "bye hello bye\n"],
		peers: true,
	},
	{
		name: "expansion with defaults",
		dockerfile: `${FROM}ENV e=\nENV x=\${nope:-d1} y=\${e:-d2} z=\${e-d3}. w=\${e:+no}\${x:+yes}`,
		run: ["echo $x $y $z $w", "d1 d2 .\n"],
	},
	{
		name: "expansion with patterns",
		dockerfile: `${FROM}ENV f=foo.tar.gz\nENV a=\${f%.*} b=\${f%%.*} c=\${f#*.} d=\${f##*.} e=\${f/o/0} g=\${f//o/0}`,
		run: ["echo $a $b $c $d $e $g", "foo.tar foo tar.gz gz f0o.tar.gz f00.tar.gz\n"],
	},
	{
		name: "escaped dollars",
		dockerfile: `${FROM}ENV a=\\$HOME b="\\$x" c='$y'\nRUN echo "$a $b $c" > /o`,
		run: ["cat /o", "$HOME $x $y\n"],
		peers: true,
	},
	{
		name: "ARG with default",
		dockerfile: `${FROM}ARG v=1\nRUN echo $v > /v`,
		run: ['cat /v; echo "[$v]"', "1\n[]\n"],
		peers: true,
	},
	{
		name: "ARG given",
		dockerfile: `${FROM}ARG v=1\nRUN echo $v > /v`,
		flags: ["--build-arg", "v=2"],
		run: ["cat /v", "2\n"],
	},
	{
		name: "ARG before FROM",
		dockerfile: `ARG img=nanocontainer/busybox\nARG tag=latest\nFROM \${img}:\${tag}\nARG img\nRUN echo "$img [$tag]" > /o`,
		run: ["cat /o", "nanocontainer/busybox []\n"],
	},
	{
		name: "several ARGs in a line",
		dockerfile: `${FROM}ARG a=1 b=$a c="x y"\nRUN echo "$a $b $c" > /o`,
		run: ["cat /o", "1 1 x y\n"],
	},
	{
		name: "ENV wins over ARG",
		dockerfile: `${FROM}ENV v=env\nARG v=arg\nRUN echo $v > /v`,
		flags: ["--build-arg", "v=given"],
		run: ["cat /v", "env\n"],
	},
	{
		name: "platform arguments",
		dockerfile: `${FROM}ARG TARGETOS TARGETARCH BUILDPLATFORM\nRUN echo $TARGETOS $TARGETARCH $BUILDPLATFORM > /p`,
		run: ["sed s/arm64/amd64/g /p", "linux amd64 linux/amd64\n"],
	},
	{
		name: "proxies leave no trace",
		dockerfile: `${FROM}RUN echo $http_proxy > /p`,
		flags: ["--build-arg", "http_proxy=http://proxy:1"],
		run: ["cat /p; env | grep -c proxy", "http://proxy:1\n0\n"],
	},
	{
		name: "WORKDIR adds up",
		dockerfile: `${FROM}WORKDIR /a\nWORKDIR b\nWORKDIR ../c\nRUN pwd > /w`,
		run: ["pwd; cat /w", "/a/c\n/a/c\n"],
		config: { WorkingDir: "/a/c" },
		peers: true,
	},
	{
		name: "WORKDIR with a variable",
		dockerfile: `${FROM}ENV d=/x/y\nWORKDIR $d/z`,
		run: ["pwd", "/x/y/z\n"],
		peers: true,
	},
	{
		name: "USER",
		dockerfile: `${FROM}RUN touch /r\nUSER nobody\nRUN id -u > /tmp/u`,
		run: ["cat /tmp/u; id -un", "65534\nnobody\n"],
		config: { User: "nobody" },
		peers: true,
	},
	{
		name: "USER by number, with a variable",
		dockerfile: `${FROM}ARG u=12\nUSER $u:34`,
		run: ["id -u; id -g", "12\n34\n"],
		peers: true,
	},
	{
		name: "LABEL",
		dockerfile: `${FROM}LABEL a=1 "b c"="d e" \\\n  f="multi\\\nline"`,
		config: { Labels: { a: "1", "b c": "d e", f: "multiline" } },
		peers: true,
	},
	{
		name: "EXPOSE",
		dockerfile: `${FROM}ARG p=90\nEXPOSE 80 $p/udp 8000-8002`,
		config: { ExposedPorts: { "80/tcp": {}, "90/udp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {} } },
		peers: true,
	},
	{
		name: "VOLUME",
		dockerfile: `${FROM}RUN mkdir /v1 && echo in > /v1/f\nVOLUME /v1 /v2\nVOLUME ["/v 3"]`,
		run: ["cat /v1/f", "in\n"],
		config: { Volumes: { "/v1": {}, "/v2": {}, "/v 3": {} } },
		peers: true,
	},
	{
		name: "CMD and ENTRYPOINT in exec form",
		dockerfile: `${FROM}ENTRYPOINT ["echo", "entry"]\nCMD ["cmd"]`,
		config: { Entrypoint: ["echo", "entry"], Cmd: ["cmd"] },
		peers: true,
	},
	{
		name: "CMD in shell form",
		dockerfile: `${FROM}CMD echo $HOME`,
		config: { Cmd: ["/bin/sh", "-c", "echo $HOME"] },
		peers: true,
	},
	{ name: "the last CMD counts", dockerfile: `${FROM}CMD a\nCMD ["b"]`, config: { Cmd: ["b"] }, peers: true },
	{
		name: "ENTRYPOINT drops the base's CMD",
		dockerfile: `${FROM}ENTRYPOINT ["x"]`,
		config: { Entrypoint: ["x"], Cmd: null },
		peers: true,
	},
	{
		name: "SHELL",
		dockerfile: `${FROM}SHELL ["/bin/sh", "-ec"]\nRUN echo $- > /s\nCMD x`,
		config: { Shell: ["/bin/sh", "-ec"], Cmd: ["/bin/sh", "-ec", "x"] },
		peers: true,
	},
	{ name: "STOPSIGNAL", dockerfile: `${FROM}STOPSIGNAL SIGUSR1`, config: { StopSignal: "SIGUSR1" }, peers: true },
	{
		name: "HEALTHCHECK",
		dockerfile: `${FROM}HEALTHCHECK --interval=5s --timeout=1500ms --start-period=1m --retries=4 CMD test -e /x`,
		config: {
			Healthcheck: { Test: ["CMD-SHELL", "test -e /x"], Interval: 5e9, Timeout: 1.5e9, StartPeriod: 60e9, Retries: 4 },
		},
		peers: true,
	},
	{
		name: "HEALTHCHECK NONE",
		dockerfile: `${FROM}HEALTHCHECK NONE`,
		config: { Healthcheck: { Test: ["NONE"] } },
		peers: true,
	},
	{ name: "MAINTAINER", dockerfile: `${FROM}MAINTAINER Some One <one@example.com>`, run: ["echo ok", "ok\n"] },
	{
		name: "ONBUILD is kept",
		dockerfile: `${FROM}ONBUILD RUN echo triggered > /t\nONBUILD ENV T=1`,
		config: { OnBuild: ["RUN echo triggered > /t", "ENV T=1"] },
		peers: true,
	},
	{
		name: "COPY a file",
		dockerfile: `${FROM}COPY a.txt /dst/`,
		files: { "a.txt": "A\n" },
		run: ["cat /dst/a.txt; stat -c %u:%g:%a /dst/a.txt", "A\n0:0:644\n"],
		peers: true,
	},
	{
		name: "COPY to another name",
		dockerfile: `${FROM}COPY a.txt /b.txt`,
		files: { "a.txt": "A\n" },
		run: ["cat /b.txt", "A\n"],
		peers: true,
	},
	{
		name: "COPY a directory's contents",
		dockerfile: `${FROM}COPY d /dst`,
		files: { "d/x": "1", "d/e/y": "2", "d/empty/": "" },
		run: ["cd /dst && find . | sort", ".\n./e\n./e/y\n./empty\n./x\n"],
	},
	{
		name: "COPY everything",
		dockerfile: `${FROM}WORKDIR /w\nCOPY . .`,
		files: { a: "1", "b/c": "2" },
		run: ["find . -type f | sort", "./Dockerfile\n./a\n./b/c\n"],
		peers: true,
	},
	{
		name: "COPY with patterns",
		dockerfile: `${FROM}COPY *.txt b?.md [x-z].c /p/`,
		files: { "a.txt": "", "c.txt": "", "b1.md": "", "b22.md": "", "y.c": "", "a.c": "" },
		run: ["ls /p", "a.txt\nb1.md\nc.txt\ny.c\n"],
		peers: true,
	},
	{
		name: "COPY names with blanks",
		dockerfile: `${FROM}COPY ["a b.txt", "/to here/"]`,
		files: { "a b.txt": "x\n" },
		run: ["cat '/to here/a b.txt'", "x\n"],
		peers: true,
	},
	{
		name: "COPY --chown",
		dockerfile: `${FROM}COPY --chown=nobody:12 a /a\nCOPY --chown=7 a /b`,
		files: { a: "" },
		run: ["stat -c %u:%g /a /b", "65534:12\n7:7\n"],
		peers: true,
	},
	{
		name: "COPY --chmod",
		dockerfile: `${FROM}COPY --chmod=750 a /a\nCOPY --chmod=u=rw,g=r,o= a /b\nCOPY --chmod=+x a /c`,
		files: { a: "" },
		run: ["stat -c %a /a /b /c", "750\n640\n755\n"],
	},
	{
		name: "COPY --link",
		dockerfile: `${FROM}RUN mkdir /d && echo below > /d/x\nCOPY --link a /d/`,
		files: { a: "A\n" },
		run: ["cat /d/a /d/x", "A\nbelow\n"],
	},
	{
		name: "COPY --parents",
		dockerfile: `${FROM}COPY --parents a/b/c.txt x/./y/z.txt /p/`,
		files: { "a/b/c.txt": "", "x/y/z.txt": "" },
		run: ["cd /p && find . -type f | sort", "./a/b/c.txt\n./y/z.txt\n"],
	},
	{
		name: "COPY --exclude",
		dockerfile: `${FROM}COPY --exclude=*.log --exclude=tmp d /d`,
		files: { "d/a": "", "d/b.log": "", "d/tmp/c": "" },
		run: ["find /d -type f", "/d/a\n"],
	},
	{
		name: "COPY replaces and merges",
		dockerfile: `${FROM}COPY one /d\nCOPY two /d`,
		files: { "one/a": "1\n", "one/b": "1\n", "two/b": "2\n", "two/c": "2\n" },
		run: ["cat /d/a /d/b /d/c", "1\n2\n2\n"],
		peers: true,
	},
	{
		name: "COPY of a heredoc",
		dockerfile: `${FROM}ARG who=me\nCOPY <<one <<"two" /h/\nhello $who\none\nraw $who\ntwo`,
		run: ["cat /h/one /h/two", "hello me\nraw $who\n"],
	},
	{
		name: "RUN with a heredoc",
		dockerfile: `${FROM}RUN <<EOF\nset -e\necho a > /a\necho b >> /a\nEOF`,
		run: ["cat /a", "a\nb\n"],
	},
	{
		name: "RUN with a heredoc for a program",
		dockerfile: `${FROM}RUN cat <<EOF > /a\nline $((1+1))\nEOF`,
		run: ["cat /a", "line 2\n"],
	},
	{
		name: "RUN with a heredoc that names its program",
		dockerfile: `${FROM}RUN <<EOF\n#!/bin/sh -e\necho "$0" > /a\nEOF`,
		run: ["cat /a", "/dev/pipes/EOF\n"],
	},
	{ name: "tabs of a heredoc", dockerfile: `${FROM}COPY <<-E /t\n\t\ttabbed\n\tE`, run: ["cat /t", "tabbed\n"] },
	{
		name: "stages",
		dockerfile: `${FROM.trim()} AS build\nRUN echo built > /out\nFROM nanocontainer/busybox\nCOPY --from=build /out /in`,
		run: ["cat /in; ls /out 2>&1 | wc -l", "built\n1\n"],
		peers: true,
	},
	{
		name: "stages by number and from stages",
		dockerfile: `${FROM}RUN echo zero > /z\nFROM 	nanocontainer/busybox AS two\nCOPY --from=0 /z /y\nFROM two\nRUN cat /y > /x`,
		run: ["cat /x", "zero\n"],
	},
	{
		name: "a target",
		dockerfile: `${FROM.trim()} AS a\nRUN echo a > /w\nFROM a AS b\nRUN exit 1`,
		flags: ["--target", "a"],
		run: ["cat /w", "a\n"],
	},
	{
		name: "unused stages do not run",
		dockerfile: `${FROM.trim()} AS never\nRUN exit 1\nFROM nanocontainer/busybox\nRUN true`,
		run: ["echo ok", "ok\n"],
	},
	{
		name: "scratch",
		dockerfile: 'FROM nanocontainer/busybox AS b\nFROM scratch\nCOPY --from=b /bin/busybox /bin/sh\nCMD ["/bin/sh"]',
		config: { Cmd: ["/bin/sh"] },
	},
	{
		name: "COPY --from=image",
		dockerfile: "FROM nanocontainer/busybox\nCOPY --from=nanocontainer/busybox /etc/passwd /p",
		run: ["head -c 4 /p", "root"],
	},
	{
		name: "a cache mount",
		dockerfile: `${FROM}RUN --mount=type=cache,target=/c,id=corpus echo x >> /c/f\nRUN --mount=type=cache,target=/c,id=corpus wc -l < /c/f > /n`,
		run: ["cat /n; ls -d /c 2>&1 | grep -c '^/c'", "1\n0\n"],
	},
	{
		name: "a cache mount that begins with a stage's directory",
		dockerfile: `${FROM.trim()} AS s\nRUN mkdir /d && echo begun > /d/f && chown 3:4 /d/f\n${FROM}RUN --mount=type=cache,target=/c,id=begun,from=s,source=/d stat -c %u:%g /c/f > /n && cat /c/f >> /n`,
		run: ["cat /n", "3:4\nbegun\n"],
	},
	{
		name: "a tmpfs mount",
		dockerfile: `${FROM}RUN --mount=type=tmpfs,target=/t,size=1m echo x > /t/f && mount | grep -c ' /t ' > /n`,
		run: ["cat /n; ls /t 2>&1 | grep -c f$", "1\n0\n"],
	},
	{
		name: "a bind mount of the context",
		dockerfile: `${FROM}RUN --mount=type=bind,source=d,target=/m cat /m/x > /o; touch /m/w 2>/dev/null || echo ro >> /o`,
		files: { "d/x": "bound\n" },
		run: ["cat /o", "bound\nro\n"],
	},
	{
		name: "a bind mount of a stage, written to",
		dockerfile: `${FROM.trim()} AS s\nRUN echo s > /f\nFROM nanocontainer/busybox\nRUN --mount=from=s,target=/m,rw echo more >> /m/f && cat /m/f > /o`,
		run: ["cat /o", "s\nmore\n"],
	},
	{
		name: "a secret in a variable",
		dockerfile: `${FROM}RUN --mount=type=secret,id=tok,env=TOK echo \${#TOK} > /o`,
		flags: ["--secret", "id=tok,src=secret.txt"],
		files: { "secret.txt": "12345" },
		run: ["cat /o; env | grep -c TOK", "5\n0\n"],
	},
	{
		name: "no network",
		dockerfile: `${FROM}RUN --network=none ip link | grep -c eth0 > /n || true`,
		run: ["cat /n", "0\n"],
	},
	{
		name: "ADD unpacks, COPY does not",
		dockerfile: `${FROM}ADD a.tar /x/\nCOPY a.tar /y/`,
		files: { "a.tar": "@tar" },
		run: ["cat /x/inside; ls /y", "from the archive\na.tar\n"],
		peers: true,
	},
	{
		name: ".dockerignore",
		dockerfile: `${FROM}COPY . /c/`,
		files: {
			".dockerignore": "# no\n*.log\nd\n!d/keep\n**/*.tmp\n",
			a: "",
			"b.log": "",
			"d/keep": "",
			"d/drop": "",
			"e/f.tmp": "",
			"e/b.log": "",
		},
		run: ["cd /c && find . -type f | sort", "./.dockerignore\n./Dockerfile\n./a\n./d/keep\n./e/b.log\n"],
		peers: true,
	},
	{
		name: "links of the context",
		dockerfile: `${FROM}COPY d /d`,
		files: { "d/real": "r\n", "d/link": "@link:real" },
		run: ["readlink /d/link; cat /d/link", "real\nr\n"],
		peers: true,
	},
	{
		name: "files that go away",
		dockerfile: `${FROM}RUN mkdir /d && echo 1 > /d/a && echo 2 > /d/b\nRUN rm /d/a && rm -r /home && mkdir /home && touch /home/new`,
		run: ["ls /d /home", "/d:\nb\n\n/home:\nnew\n"],
		peers: true,
	},
	{
		name: "hard links, modes and times",
		dockerfile: `${FROM}RUN echo h > /h1 && ln /h1 /h2 && chmod 4755 /h1 && touch -d '2001-02-03 04:05:06' /old`,
		run: ["stat -c %h:%a /h2; date -r /old +%Y", "2:4755\n2001\n"],
		peers: true,
	},
	{
		name: "unknown instruction",
		dockerfile: `${FROM}RUM echo`,
		fails: /dockerfile parse error on line 2: unknown instruction: RUM \(did you mean RUN\?\)/,
	},
	{ name: "no FROM", dockerfile: "RUN echo", fails: /no build stage in current context/ },
	{ name: "empty", dockerfile: "# nothing\n", fails: /file with no instructions/ },
	{
		name: "a step that fails",
		dockerfile: `${FROM}RUN echo before; exit 42`,
		fails:
			/before[\s\S]*Dockerfile:2[\s\S]*>>> RUN echo before; exit 42[\s\S]*did not complete successfully: exit code: 42/,
	},
	{ name: "a file that is not there", dockerfile: `${FROM}COPY nope /`, fails: /"\/nope": not found/ },
	{ name: "out of the context", dockerfile: `${FROM}COPY ../../etc/passwd /p`, fails: /"\/etc\/passwd": not found/ },
	{ name: "an unknown flag", dockerfile: `${FROM}COPY --nope=1 a /`, files: { a: "" }, fails: /unknown flag: --nope/ },
	{ name: "a bad ENV", dockerfile: `${FROM}ENV a=1 b`, fails: /Syntax error - can't find = in "b"/ },
	{ name: "an unterminated heredoc", dockerfile: `${FROM}RUN <<EOF\necho`, fails: /unterminated heredoc/ },
	{
		name: "several sources, no directory",
		dockerfile: `${FROM}COPY a b /c`,
		files: { a: "", b: "" },
		fails: /the destination must be a directory and end with a \//,
	},
	{ name: "ONBUILD of ONBUILD", dockerfile: `${FROM}ONBUILD ONBUILD RUN x`, fails: /Chaining ONBUILD/ },
	{
		name: "a target that is not there",
		dockerfile: FROM,
		flags: ["--target", "x"],
		fails: /target stage "x" could not be found/,
	},
	{
		name: "privileges not given",
		dockerfile: `${FROM}RUN --security=insecure true`,
		fails: /security.insecure is not allowed/,
	},
	{ name: "a required variable", dockerfile: `${FROM}ENV x=\${y:?must be given}`, fails: /y: must be given/ },
	{
		name: "layers that are the same",
		dockerfile: `${FROM}RUN true\nRUN true\nCOPY f .\nRUN rm f\nCOPY f .\nRUN true`,
		files: { f: "f\n" },
		run: ["cat f", "f\n"],
	},
	{
		name: "a mount of an empty stage",
		dockerfile: `FROM scratch AS e\n${FROM}RUN --mount=from=e,target=/m ls -A /m | wc -l > /n`,
		run: ["cat /n", "0\n"],
	},
	{
		name: "quotes in a heredoc are text",
		dockerfile: `${FROM}ENV X=ex\nCOPY <<EOF /a\nit's '$X' "$X\nEOF`,
		run: ["cat /a", `it's 'ex' "ex\n`],
	},
	{
		name: "COPY to a link writes where it leads",
		dockerfile: `${FROM}RUN echo real > /real && ln -s real /ln && ln -s /gone /dangling && ln -s made /dir\nCOPY a /ln\nCOPY a /dangling\nCOPY a /dir/\nWORKDIR /dir/w`,
		files: { a: "a\n" },
		run: ["cat /real /gone /made/a; readlink /ln; readlink /dir; ls -d /made/w", "a\na\na\nreal\nmade\n/made/w\n"],
	},
	{
		name: "a link destination stays in the image",
		dockerfile: `${FROM}RUN ln -s ../../../../../up/there /ln\nCOPY a /ln`,
		files: { a: "a\n" },
		run: ["cat /up/there", "a\n"],
	},
	{
		name: "a directory that is copied does not pass its own mode on",
		dockerfile: `${FROM.trim()} AS s\nRUN mkdir -m 2770 /q && chown 7:8 /q && echo x > /q/f\n${FROM}COPY --from=s /q /z\nCOPY --from=s --chown=5:6 /q /y`,
		run: ["stat -c %a:%u:%g /z /y /y/f", "755:0:0\n755:5:6\n644:5:6\n"],
	},
	{
		name: "WORKDIR is the user's own",
		dockerfile: `${FROM}USER nobody\nWORKDIR /home/w/x\nRUN touch y`,
		run: ["ls", "y\n"],
	},
	{
		name: "--exclude of files that patterns name",
		dockerfile: `${FROM}COPY --exclude=*.txt --exclude=*.md hom* /d/`,
		files: { "home.txt": "", "home.md": "", "home.c": "" },
		run: ["ls /d", "home.c\n"],
	},
	{
		name: "a pattern that nothing matches",
		dockerfile: `${FROM}COPY zz* a /out/`,
		files: { a: "" },
		run: ["ls /out", "a\n"],
	},
	{
		name: "ONBUILD of a stage is for the stages on it",
		dockerfile: `${FROM.trim()} AS a\nONBUILD RUN echo x > /x\nFROM a`,
		run: ["cat /x", "x\n"],
	},
	{
		name: "the name of a script leads nowhere",
		dockerfile: `${FROM}RUN <<../../../../../../../../tmp/nc-escaped\n#!/bin/sh\n:\n../../../../../../../../tmp/nc-escaped\n`,
		fails: /invalid name of a script/,
	},
	{
		name: "a mount on the root",
		dockerfile: `${FROM}RUN --mount=type=tmpfs,target=/ true`,
		fails: /invalid mount target/,
	},
	{
		name: "an image whose passwd never ends",
		dockerfile: `${FROM}RUN rm /etc/passwd && mkfifo /etc/passwd\nCOPY --chown=nobody f /f`,
		files: { f: "" },
		fails: /etc\/passwd is not a regular file/,
	},
	{
		name: "an ignore file with nothing behind its mark",
		dockerfile: `${FROM}COPY f /f`,
		files: { f: "", ".dockerignore": "a\n!\n" },
		fails: /illegal exclusion pattern/,
	},
	{
		name: "an exec form of other things",
		dockerfile: `${FROM}CMD ["a", 1]`,
		fails: /arrays must be comprised of strings only/,
	},
	{
		name: "what follows an exec form, and a command of nothing",
		dockerfile: `${FROM}ENTRYPOINT ["a]"] b\nCMD`,
		config: { Entrypoint: ["a]"], Cmd: ["/bin/sh", "-c", ""] },
		peers: true,
	},
	{
		name: "RUN of test(1) by its other name",
		dockerfile: `${FROM}RUN [ -d /etc ] && echo yes > /y`,
		run: ["cat /y", "yes\n"],
		peers: true,
	},
];
