/** QEMU's machine protocol: a line of JSON each way (docs/interop/qmp-spec). */

/** Sends one command to the socket of a machine, and waits until it has been taken. */
export async function qmp(socket: string, command: string): Promise<void> {
	const answers = Promise.withResolvers<void>();
	let text = "";
	const connection = await Bun.connect({
		unix: socket,
		socket: {
			data(_, chunk) {
				text += chunk.toString();
				// One return for the capabilities, one for the command.
				if ([...text.matchAll(/"return"/g)].length >= 2) answers.resolve();
				if (text.includes('"error"')) answers.reject(new Error(text));
			},
		},
	});
	connection.write(`{"execute": "qmp_capabilities"}\n${command}\n`);
	await answers.promise;
	connection.end();
}
