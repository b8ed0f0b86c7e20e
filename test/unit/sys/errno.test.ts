import { expect, test } from "bun:test";
import { errnoText, SyscallError, syscall, trySyscall } from "../../../src/sys/errno.ts";

test("errno of a failing call is right, 200,000 times under garbage collection", () => {
	const EBADF = 9;
	const ENOENT = 2;
	let wrong = 0;
	let garbage: unknown[] = [];
	for (let i = 0; i < 100_000; i++) {
		if (trySyscall("close", 1_000_000) !== -EBADF) wrong++;
		garbage.push({ i, text: `garbage ${i}` });
		if (trySyscall("unlinkat", -100, "/nonexistent/nc", 0) !== -ENOENT) wrong++;
		if (i % 10_000 === 0) {
			garbage = [];
			Bun.gc(i % 20_000 === 0);
		}
	}
	expect(wrong).toBe(0);
});
test("syscall() throws what failed, on which path, and why", () => {
	expect(() => syscall("mkdirat", "/proc/nc", -100, "/proc/nc", 0o755)).toThrow(
		new SyscallError("mkdirat", "/proc/nc", 2),
	);
	expect(new SyscallError("mkdirat", "/x", 28).message).toBe("mkdirat /x: no space left on device");
	expect(errnoText(9999)).toBe("errno 9999");
});
