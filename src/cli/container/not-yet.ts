/** docker's flags of `run` and `create` that wait for later, each with what can be done instead, where something can. */

const WINDOWS = "it is for Windows";
const LEAVE = "leave it out";

/** Long name, with the short one or the value that asks for nothing, and the advice behind a blank. */
export const CONTAINER_NOT_YET: readonly string[] = [
	"blkio-weight-device use --blkio-weight, or --device-read-bps and its kin",
	`cpu-count ${WINDOWS}`,
	`cpu-percent ${WINDOWS}`,
	"cpu-rt-period use --cpu-period",
	"cpu-rt-runtime use --cpu-quota",
	`disable-content-trust ${LEAVE}: no content trust is asked`,
	"gpus name the devices: --device /dev/nvidia0",
	`io-maxbandwidth ${WINDOWS}`,
	`io-maxiops ${WINDOWS}`,
	`isolation=default ${WINDOWS}`,
	"kernel-memory use --memory",
	"log-opt use --log-driver none for a container that writes much",
	"memory-swappiness use --memory-swap",
	`runtime ${LEAVE}: there is one`,
	"storage-opt give it a volume of a size: --mount type=volume,volume-opt=type=tmpfs",
	"use-api-socket there is no daemon's socket",
];
