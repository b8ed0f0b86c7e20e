/** The entry of the executable. */
import { main } from "./cli/main.ts";

await main(process.argv.slice(2));
